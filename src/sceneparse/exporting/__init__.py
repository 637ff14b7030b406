"""Exporting: other runtimes' files, the proof that they agree with PyTorch, and int8."""

from sceneparse.exporting.command import Export, export

__all__ = ["Export", "export"]
