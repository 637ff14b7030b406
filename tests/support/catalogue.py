"""What tests share of a published checkpoint that lies on a server on this machine."""

from collections.abc import Callable

from sceneparse.weights.published.catalogue import Published

NAME, SHORT = "pspnet_r18-d8_4xb2-40k_streets-64x64", "pspnet-resnet18-streets"
"""Its owner's name, and the short one."""

Publish = Callable[..., Published]
"""Puts it on the server and into the catalogue."""
