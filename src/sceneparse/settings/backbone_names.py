"""The backbones that this package adds to timm's, by name: known before PyTorch and timm are loaded."""

import difflib
from collections.abc import Iterable
from typing import Any

from sceneparse.errors import UserError

STRIDE8 = ("squeezenet1_1_stride8", "densenet121_stride8")
"""Those that are not timm's at all."""

STEM_WIDTHS = {"c": 32, "s": 64}
"""The last letter of a ResNet with a deep stem, and its width."""

DEEP_STEMS = ("resnet18", "resnet26", "resnet34", "resnet200")
"""timm's ResNets of which there is none with a deep stem."""

DEEPEST = "resnet269s"
"""The PSPNet paper's ResNet-269."""

HRNETS = {
    "hrnetv2_w18_small": "hrnet_w18_small_v2",
    "hrnetv2_w18": "hrnet_w18",
    "hrnetv2_w32": "hrnet_w32",
    "hrnetv2_w48": "hrnet_w48",
}
"""HRNets whose branches are taken as they are, and timm's networks that they are the branches of."""

DINOV2 = {f"dinov2_{size}_patch14_518": f"vit_{size}_patch14_dinov2" for size in ("small", "base", "large", "giant")}
"""Names of DINOv2 as transformers has it, whose positions are interpolated like mmsegmentation's, and timm's models."""

PATCH = 16
"""Side of a patch of the ViTs that there are for every side of a picture."""

LONGEST = 4096
"""The longest side of a picture that there are such ViTs for."""

SIDED: dict[str, tuple[str, dict[str, Any]]] = {
    "vit_small_patch16": ("vit_small_patch16_224", {}),
    "vit_base_patch16": ("vit_base_patch16_224", {}),
    "vit_large_patch16": ("vit_large_patch16_224", {}),
    "beit_base_patch16": ("beit_base_patch16_224", {}),
    "beit_large_patch16": ("beit_large_patch16_224", {}),
    # MAE (arXiv 2111.06377) as its fine-tuned parser has it: BEiT's biases of offsets beside a position embedding.
    "mae_base_patch16": ("beit_base_patch16_224", {"use_abs_pos_emb": True}),
}
"""The beginnings of their names, which end in a side, and timm's models with the arguments that make them."""

OWN = (
    *STRIDE8,
    *(f"{base}{letter}" for base in DEEP_STEMS for letter in STEM_WIDTHS),
    DEEPEST,
    *HRNETS,
    *DINOV2,
)
"""All of them but those for every side of a picture."""


def side_of(name: str) -> int | None:
    """Return the side of the pictures that a ViT of `SIDED` is for, such as 496 of vit_base_patch16_496.

    Args:
        name: Any name.

    Returns:
        The side; None of a name that is no such ViT's, or whose side is not of whole patches.
    """
    kind, _, side = name.rpartition("_")
    if kind not in SIDED or not side.isdecimal() or side != str(int(side)):
        return None
    return int(side) if 0 < int(side) <= LONGEST and int(side) % PATCH == 0 else None


def unknown_backbone(name: str, known: Iterable[str]) -> UserError:
    """Return the error that there is no backbone of a name.

    Args:
        name: What was asked for.
        known: All names that may have been meant.
    """
    near = difflib.get_close_matches(name, list(known), n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "see timm.list_models() for all names"
    return UserError(f"backbone '{name}' is not a timm model; {hint}")
