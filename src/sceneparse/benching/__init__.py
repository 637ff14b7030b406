"""`sceneparse bench`: the speed of a model on this machine, engine by engine, and where its time goes."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sceneparse.benching.command import bench
    from sceneparse.benching.record import Bench, ComponentRow, Row
    from sceneparse.benching.table import print_bench

# Imported when first used: what cannot be measured is refused before torch is loaded.
_HOMES = {"Bench": "record", "ComponentRow": "record", "Row": "record", "bench": "command", "print_bench": "table"}

__all__ = ["Bench", "ComponentRow", "Row", "bench", "print_bench"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sceneparse.benching' has no attribute '{name}'")
    return getattr(import_module(f"sceneparse.benching.{_HOMES[name]}"), name)
