"""Plain transformers as MMSegmentation writes them: ViT and DeiT, BEiT, and MAE."""

import re
from math import isqrt

import torch
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.networks.backbones.published_vits import make_known
from sceneparse.networks.backbones.relative_positions import CLASS_OFFSETS
from sceneparse.settings import BackboneSettings
from sceneparse.settings.backbone import NeckName
from sceneparse.settings.backbone_names import PATCH
from sceneparse.weights.importing.families.mmseg.convolutional import FoundBackbone
from sceneparse.weights.importing.families.mmseg.fixed import GELU, SMALL_EPS, Fixed, Only, only
from sceneparse.weights.importing.family import Names, Shapes
from sceneparse.weights.importing.resnets import count_blocks

SIZES: dict[tuple[str, int, int], str] = {
    ("vit", 384, 12): "vit_small_patch16",
    ("vit", 768, 12): "vit_base_patch16",
    ("vit", 1024, 24): "vit_large_patch16",
    ("beit", 768, 12): "beit_base_patch16",
    ("beit", 1024, 24): "beit_large_patch16",
    ("mae", 768, 12): "mae_base_patch16",
}
"""What our name begins with by the kind, the width and the number of blocks; it ends in the training picture's side."""

EMBEDDING: Names = [
    (r"^backbone\.body\.(cls_token|pos_embed)$", r"backbone.\1"),
    (r"^backbone\.body\.patch_embed\.proj\.", "backbone.patch_embed.projection."),
    (r"^backbone\.body\.norm\.", "backbone.ln1."),
]
BLOCK = {
    "norm1.": "ln1.",
    "norm2.": "ln2.",
    "mlp.fc1.": "ffn.layers.0.0.",
    "mlp.fc2.": "ffn.layers.1.",
    "gamma_1": "gamma_1",
    "gamma_2": "gamma_2",
}
TORCH_ATTENTION = {
    "qkv.weight": "attn.attn.in_proj_weight",
    "qkv.bias": "attn.attn.in_proj_bias",
    "proj.weight": "attn.attn.out_proj.weight",
    "proj.bias": "attn.attn.out_proj.bias",
}
COMMON: Names = [
    *EMBEDDING,
    (
        r"^backbone\.body\.blocks\.(\d+)\.(norm\d\.|mlp\.fc\d\.|gamma_\d)",
        lambda m: f"backbone.layers.{m[1]}.{BLOCK[m[2]]}",
    ),
    (r"^backbone\.neck\.laterals\.(\d)\.", r"neck.lateral_convs.\1.conv."),
    (r"^backbone\.neck\.convs\.(\d)\.", r"neck.convs.\1.conv."),
    (r"^backbone\.neck\.scales\.0\.(\d)\.", r"neck.upsample_4x.\1."),
    (r"^backbone\.neck\.scales\.1\.0\.", "neck.upsample_2x.0."),
]
VIT: Names = [
    *COMMON,
    (r"^backbone\.body\.blocks\.(\d+)\.attn\.(\S+)$", lambda m: f"backbone.layers.{m[1]}.{TORCH_ATTENTION[m[2]]}"),
]
BEIT: Names = [*COMMON, (r"^backbone\.body\.blocks\.(\d+)\.attn\.", r"backbone.layers.\1.attn.")]

HEAD_WIDTH = 64
"""Channels of each attention head of a ViT."""

TAKEN = {
    ("vit", 12): (2, 5, 8, 11),
    ("vit", 24): (5, 11, 17, 23),
    ("beit", 12): (3, 5, 7, 11),
    ("beit", 24): (7, 11, 15, 23),
    ("mae", 12): (3, 5, 7, 11),
}
"""The blocks that published configurations take, by the kind and the number of blocks; evenly spaced where none is."""


def find_plain(shapes: Shapes) -> FoundBackbone | None:
    """Return the plain transformer in a checkpoint, with its neck; None if there is none.

    Raises:
        UserError: Nobody published one of this size, or with this neck.
    """
    patches = shapes.get("backbone.patch_embed.projection.weight")
    if patches is None or "backbone.layers.0.ln1.weight" not in shapes:
        return None
    kind, side = _kind(shapes)
    width, blocks = patches[0], count_blocks(shapes, "backbone.layers.")
    begin = SIZES.get((kind, width, blocks)) if patches[-1] == PATCH else None
    name = f"{begin}_{side * PATCH}"
    if begin is None or not make_known(name):
        raise UserError(
            f"a {kind} of {blocks} blocks, {width} wide, with positions for {side} patches of {patches[-1]} along a "
            "side, as no published parser has"
        )
    normed = "backbone.ln1.weight" in shapes
    taken, neck = TAKEN[kind, blocks], _neck(shapes)
    return FoundBackbone(
        kind="other",
        settings=BackboneSettings(
            name,
            blocks=taken,
            neck=neck,
            final_norm=normed,
            final_norm_on="last" if normed else "all",
            sides="padded" if neck == "flat" else "patches",
        ),
        names=VIT if kind == "vit" else BEIT,
        why=f"{blocks} blocks, {width} wide, of patches of {PATCH}: {name}",
        first="backbone.patch_embed.projection.weight",
        theirs={"vit": ("VisionTransformer",), "beit": ("BEiT",), "mae": ("MAE",)}[kind],
        dropped=((r"\.relative_position_index$", "a table that follows from the picture's side"),),
        plain=True,
        fixed=fixed_of(kind, width),
    )


def fixed_of(kind: str, width: int) -> Fixed:
    """Return what a configuration must have that no key tells; biases of offsets tell how many heads there are."""
    found = {**GELU, **SMALL_EPS}
    if kind != "beit":
        found["with_cls_token"] = only(True)
    if kind == "vit":
        found |= {"num_heads": Only(width // HEAD_WIDTH, 12), "interpolate_mode": only("bicubic")}
    return found


def _kind(shapes: Shapes) -> tuple[str, int]:
    """Return the kind, and the number of patches along a side of the picture that its positions are for."""
    table = shapes.get("backbone.layers.0.attn.relative_position_bias_table")
    if table is not None:
        kind = "mae" if "backbone.pos_embed" in shapes else "beit"
        return kind, (_root(table[0] - CLASS_OFFSETS) + 1) // 2
    return "vit", _root(shapes["backbone.pos_embed"][1] - 1)


def _root(count: int) -> int:
    """Return the side of a square of so many.

    Raises:
        UserError: It is none.
    """
    if isqrt(count) ** 2 != count:
        raise UserError(
            f"it has {count} positions, which make no square; only those of square pictures can be imported"
        )
    return isqrt(count)


def _neck(shapes: Shapes) -> NeckName:
    kinds = {key.split(".")[1] for key in shapes if key.startswith("neck.")}
    necks: dict[frozenset[str], NeckName] = {
        frozenset(): "flat",
        frozenset({"lateral_convs", "convs"}): "interpolating",
        frozenset({"upsample_4x", "upsample_2x"}): "multilevel",
    }
    neck = necks.get(frozenset(kinds))
    if neck is None:
        raise UserError(f"it has a neck ({', '.join(sorted(kinds)[:4])}) that cannot be imported")
    return neck


JOINT = re.compile(r"^(backbone\.layers\.\d+\.attn\.)qkv\.bias$")


def adapt_plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give each plain transformer the tensors that timm's has.

    MAE's keys have a bias, which adds the same to all scores of a query, so that softmax takes it off again: it is left
    out. Patches cut without a bias get one of zeros.
    """
    adapted = dict(tensors)
    patches = tensors.get("backbone.patch_embed.projection.weight")
    if patches is None or "backbone.layers.0.ln1.weight" not in tensors:
        return tensors
    adapted.setdefault(
        "backbone.patch_embed.projection.bias",
        torch.zeros(patches.shape[0], dtype=patches.dtype, device=patches.device),
    )
    for key in tensors:
        if found := JOINT.match(key):
            query, _, value = adapted.pop(key).chunk(3)
            adapted[f"{found[1]}q_bias"], adapted[f"{found[1]}v_bias"] = query, value
    return adapted
