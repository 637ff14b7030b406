"""Backbones: feature extractors of timm and a few of our own, behind one wrapper."""
