"""Weights: building a network from settings, pretrained backbones, and the model folder."""

from sceneparse.weights.build import build
from sceneparse.weights.card import model_card
from sceneparse.weights.hub import push_to_hub
from sceneparse.weights.model import Model, ModelConfig, find_model, load_model, save_model
from sceneparse.weights.pretrained import load_backbone, resolve_padding

__all__ = [
    "Model",
    "ModelConfig",
    "build",
    "find_model",
    "load_backbone",
    "load_model",
    "model_card",
    "push_to_hub",
    "resolve_padding",
    "save_model",
]
