"""Plain ViTs for pictures of the size that published scene parsers were trained at, registered with timm.

timm's are for the pictures of ImageNet; positions belong to a size, and those of a checkpoint are taken as they are.
"""

from collections.abc import Callable
from typing import Any

import timm
from timm.models import register_model
from torch import nn

PATCH = 16
"""Side of a patch of those that there are for every side of a picture."""

LONGEST = 4096
"""The longest side of a picture that there are models for."""

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "vit_small_patch16": ("vit_small_patch16_224", {}),
    "vit_base_patch16": ("vit_base_patch16_224", {}),
    "vit_large_patch16": ("vit_large_patch16_224", {}),
    "beit_base_patch16": ("beit_base_patch16_224", {}),
    "beit_large_patch16": ("beit_large_patch16_224", {}),
    # MAE (arXiv 2111.06377) as its fine-tuned parser has it: BEiT's biases of offsets beside a position embedding.
    "mae_base_patch16": ("beit_base_patch16_224", {"use_abs_pos_emb": True}),
}
"""The beginnings of the names, which end in a side, and timm's models with the arguments that make them."""


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


DINOV2 = {f"dinov2_{size}_patch14_518": f"vit_{size}_patch14_dinov2" for size in ("small", "base", "large", "giant")}
"""Names of DINOv2 as transformers has it, whose positions are interpolated like mmsegmentation's, and timm's models."""

for _name, _base in DINOV2.items():
    register(_name, _base, {"img_size": 518})


def make_known(name: str) -> bool:
    """Make a name known to timm if it is one of `KINDS` with a side of whole patches, such as vit_base_patch16_496.

    Returns:
        Whether timm knows the name.
    """
    kind, _, side = name.rpartition("_")
    if not timm.is_model(name) and kind in KINDS and side.isdigit() and side == str(int(side)):
        base, own = KINDS[kind]
        if 0 < int(side) <= LONGEST and int(side) % PATCH == 0:
            register(name, base, own | {"img_size": int(side)})
    return bool(timm.is_model(name))
