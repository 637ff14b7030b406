"""Export models: files for other runtimes, the proof that they agree with PyTorch, and quantisation to int8."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sceneparse.exporting.command import export
    from sceneparse.exporting.record import Export

# Imported when first used: wishes that cannot be are refused before torch is loaded.
_HOMES = {"Export": "record", "export": "command"}

__all__ = ["Export", "export"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sceneparse.exporting' has no attribute '{name}'")
    return getattr(import_module(f"sceneparse.exporting.{_HOMES[name]}"), name)
