"""Backbones: feature extractors of timm and a few of our own, behind one interface (`Backbone`)."""

from typing import TYPE_CHECKING, Any

from sceneparse.networks.backbones.base import STRIDES, Backbone

if TYPE_CHECKING:
    from sceneparse.networks.backbones.table import (
        make_backbone,
        natural_padding,
        takes_padding,
        usual_padding,
        weights_repository,
    )

__all__ = [
    "STRIDES",
    "Backbone",
    "make_backbone",
    "natural_padding",
    "takes_padding",
    "usual_padding",
    "weights_repository",
]


def __getattr__(name: str) -> Any:
    # timm, and torchvision, which it imports, take longer than torch; whoever runs a converted network needs neither.
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from sceneparse.networks.backbones import table

    return getattr(table, name)
