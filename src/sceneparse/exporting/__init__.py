"""Export models: files for other runtimes, the proof that they agree with PyTorch, and quantisation to int8."""

from sceneparse.exporting.command import export
from sceneparse.exporting.record import Export

__all__ = ["Export", "export"]
