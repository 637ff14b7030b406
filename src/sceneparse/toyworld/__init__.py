"""The toy world: rendered scenes in which every pixel is labelled for all five tasks.

A scene is a pure function of (seed, index). The world holds the hard cases of the PSPNet paper (section 3.1) on
purpose: look-alikes that only the scene tells apart (`lookalikes`), building and skyscraper in the same facades, and
inconspicuous things (a pillow of its bed's fabric, a traffic light).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sceneparse.toyworld.spaces import LOOKALIKES, MATERIALS, OBJECTS, PART_TREE, PARTS, SCENES, TEXTURES

if TYPE_CHECKING:
    from sceneparse.toyworld.world import ToyWorld, render

__all__ = ["LOOKALIKES", "MATERIALS", "OBJECTS", "PARTS", "PART_TREE", "SCENES", "TEXTURES", "ToyWorld", "render"]


def __getattr__(name: str) -> Any:
    # Imported when first used: what is drawn needs torch, and what its classes are called does not.
    if name not in ("ToyWorld", "render"):
        raise AttributeError(f"module 'sceneparse.toyworld' has no attribute '{name}'")
    return getattr(import_module("sceneparse.toyworld.world"), name)
