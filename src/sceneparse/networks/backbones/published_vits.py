"""Plain ViTs for pictures of the size that published scene parsers were trained at, registered with timm.

timm's are for the pictures of ImageNet; positions belong to a size, and those of a checkpoint are taken as they are.
"""

from collections.abc import Callable
from typing import Any

import timm
from timm.models import register_model
from torch import nn

from sceneparse.settings.backbone_names import DINOV2, SIDED, side_of


def register(name: str, base: str, own: dict[str, Any]) -> None:
    """Make a name known to timm: one of its models with these arguments, and positions that are not smoothed."""

    def make(pretrained: bool = False, **options: Any) -> nn.Module:
        if pretrained:
            raise ValueError(f"there are no weights of {name}")
        model: nn.Module = timm.create_model(base, pretrained=False, **own, **options)
        # See `vit_positions`: mmsegmentation and transformers interpolate without smoothing, by another cubic.
        model.positions_without_antialias = True  # type: ignore[assignment]
        return model

    make.__name__ = name
    make.__doc__ = f"{base} for pictures of {own['img_size']} pixels."
    entry: Callable[..., nn.Module] = make
    register_model(entry)


for _name, _base in DINOV2.items():
    register(_name, _base, {"img_size": 518})


def make_known(name: str) -> bool:
    """Make a name known to timm if it is one of `SIDED` with a side of whole patches, such as vit_base_patch16_496.

    Returns:
        Whether timm knows the name.
    """
    if not timm.is_model(name) and (side := side_of(name)) is not None:
        base, own = SIDED[name.rpartition("_")[0]]
        register(name, base, own | {"img_size": side})
    return bool(timm.is_model(name))
