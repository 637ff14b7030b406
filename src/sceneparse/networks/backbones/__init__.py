"""Backbones: feature extractors of timm and a few of our own, all of which answer the same questions (`Backbone`)."""

from sceneparse.networks.backbones.base import STRIDES, Backbone
from sceneparse.networks.backbones.table import make_backbone, natural_padding

__all__ = ["STRIDES", "Backbone", "make_backbone", "natural_padding"]
