"""Swin transformers and ConvNeXts as MMSegmentation and MMPretrain write them."""

import re

from torch import Tensor

from sceneparse.settings import BackboneSettings
from sceneparse.weights.importing import swins
from sceneparse.weights.importing.families.mmseg.convolutional import FoundBackbone
from sceneparse.weights.importing.families.mmseg.fixed import EPS, GELU, only
from sceneparse.weights.importing.families.transformers_convnext import convnext_named
from sceneparse.weights.importing.family import Names, Shapes
from sceneparse.weights.importing.swins import swin_names

FEATURE_NORMS: Names = [(r"^norms\.(\d)\.", r"backbone.norm\1.")]

SWIN_BLOCK = {
    "norm1.": "norm1.",
    "norm2.": "norm2.",
    "attn.relative_position_bias_table": "attn.w_msa.relative_position_bias_table",
    "attn.qkv.": "attn.w_msa.qkv.",
    "attn.proj.": "attn.w_msa.proj.",
    "mlp.fc1.": "ffn.layers.0.0.",
    "mlp.fc2.": "ffn.layers.1.",
}
SWIN: Names = [
    *swin_names("backbone.patch_embed.projection.", "backbone.patch_embed.norm.", "backbone.stages.", SWIN_BLOCK),
    *FEATURE_NORMS,
]

CONVNEXT_BLOCK = {
    "gamma": "gamma",
    "conv_dw.": "depthwise_conv.",
    "norm.": "norm.",
    "mlp.fc1.": "pointwise_conv1.",
    "mlp.fc2.": "pointwise_conv2.",
}
CONVNEXT: Names = [
    (r"^backbone\.body\.stem_(\d)\.", r"backbone.downsample_layers.0.\1."),
    (r"^backbone\.body\.stages_(\d)\.downsample\.", r"backbone.downsample_layers.\1."),
    (
        r"^backbone\.body\.stages_(\d)\.blocks\.(\d+)\.(gamma|conv_dw\.|norm\.|mlp\.fc\d\.)",
        lambda m: f"backbone.stages.{m[1]}.{m[2]}.{CONVNEXT_BLOCK[m[3]]}",
    ),
    *FEATURE_NORMS,
]


def find_swin(shapes: Shapes) -> FoundBackbone | None:
    """Return the Swin transformer in a checkpoint; None if there is none.

    Raises:
        UserError: Nobody published one of this size.
    """
    found = swins.find_swin(shapes, "backbone.stages.", "attn.w_msa.")
    if found is None:
        return None
    name, shown = found
    return FoundBackbone(
        kind="other",
        settings=BackboneSettings(name, windows="padded"),
        names=SWIN,
        why=f"stages of {shown}: {name}",
        first="backbone.patch_embed.projection.weight",
        theirs=("SwinTransformer",),
        network={"feature_norm": True, "feature_norm_eps": swins.FEATURE_EPS},
        dropped=(swins.INDEX,),
        fixed={**GELU, **EPS, "qk_scale": only(None), "strides": only((4, 2, 2, 2))},
    )


def find_convnext(shapes: Shapes) -> FoundBackbone | None:
    """Return the ConvNeXt in a checkpoint; None if there is none.

    Raises:
        UserError: Nobody published one of this size.
    """
    if "backbone.stages.0.0.depthwise_conv.weight" not in shapes:
        return None
    name, shown = convnext_named(shapes, "backbone.stages.{}.", "0.depthwise_conv.weight")
    return FoundBackbone(
        kind="other",
        settings=BackboneSettings(name, sides="cut"),
        names=CONVNEXT,
        why=f"stages of {shown}: {name}",
        first="backbone.downsample_layers.0.0.weight",
        theirs=("mmpretrain.ConvNeXt", "mmcls.ConvNeXt", "ConvNeXt"),
        network={"feature_norm": True},
        fixed={**GELU, "norm_cfg.eps": only(1e-6)},
    )


MERGED = re.compile(r"^backbone\.stages\.\d\.downsample\.(norm\.weight|norm\.bias|reduction\.weight)$")


def adapt_merging(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Reorder what takes the four pixels that a Swin transformer merges.

    MMSegmentation has the pixels of one channel side by side, row by row; timm the channels of one pixel, column by
    column.
    """
    return tensors | {key: _by_pixel(value) for key, value in tensors.items() if MERGED.match(key)}


def _by_pixel(value: Tensor) -> Tensor:
    channels = value.shape[-1] // 4
    return value.unflatten(-1, (channels, 2, 2)).permute(*range(value.dim() - 1), -1, -2, -3).flatten(-3)
