"""Backbones: feature extractors of timm and a few of our own, behind one interface (`Backbone`)."""

from sceneparse.networks.backbones.base import STRIDES, Backbone
from sceneparse.networks.backbones.table import make_backbone, natural_padding, usual_padding

__all__ = ["STRIDES", "Backbone", "make_backbone", "natural_padding", "usual_padding"]
