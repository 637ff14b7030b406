"""The toy world: rendered scenes in which every pixel is labelled for all five tasks.

A scene is a pure function of (seed, index). The world holds the hard cases of the PSPNet paper (section 3.1) on
purpose: look-alikes that only the scene tells apart (`lookalikes`), building and skyscraper in the same facades, and
inconspicuous things (a pillow of its bed's fabric, a traffic light).
"""

from sceneparse.toyworld.spaces import LOOKALIKES, MATERIALS, OBJECTS, PART_TREE, PARTS, SCENES, TEXTURES
from sceneparse.toyworld.world import ToyWorld, render

__all__ = ["LOOKALIKES", "MATERIALS", "OBJECTS", "PARTS", "PART_TREE", "SCENES", "TEXTURES", "ToyWorld", "render"]
