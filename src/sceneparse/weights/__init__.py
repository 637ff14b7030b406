"""Weights: building a network from settings, pretrained backbones, and the model folder."""
