"""UperNet of Hugging Face transformers over a Swin transformer (Liu et al., ICCV 2021, arXiv 2103.14030)."""

import re
from dataclasses import replace

import torch
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings
from sceneparse.weights.importing.families.transformers import DECODER, PROTOCOL, WHY, decoder
from sceneparse.weights.importing.families.transformers_convnext import FEATURE_NORMS
from sceneparse.weights.importing.family import Family, Names, Recognition, Shapes
from sceneparse.weights.importing.resnets import count_blocks

SIZES: dict[tuple[int, tuple[int, ...], int], str] = {
    (96, (2, 2, 6, 2), 7): "swin_tiny_patch4_window7_224",
    (96, (2, 2, 18, 2), 7): "swin_small_patch4_window7_224",
    (128, (2, 2, 18, 2), 7): "swin_base_patch4_window7_224",
    (128, (2, 2, 18, 2), 12): "swin_base_patch4_window12_384",
    (192, (2, 2, 18, 2), 7): "swin_large_patch4_window7_224",
    (192, (2, 2, 18, 2), 12): "swin_large_patch4_window12_384",
}
"""timm's name by the width of the first stage, the blocks of each and the window's side (section 3.3 of the paper)."""

FEATURE_EPS = 1e-5

STAGES = "backbone.encoder.layers"
BLOCK = {
    "norm1.": "layernorm_before.",
    "norm2.": "layernorm_after.",
    "attn.relative_position_bias_table": "attention.self.relative_position_bias_table",
    "attn.qkv.": "attention.self.qkv.",
    "attn.proj.": "attention.output.dense.",
    "mlp.fc1.": "intermediate.dense.",
    "mlp.fc2.": "output.dense.",
}
NAMES: Names = [
    (r"^backbone\.body\.patch_embed\.proj\.", "backbone.embeddings.patch_embeddings.projection."),
    (r"^backbone\.body\.patch_embed\.norm\.", "backbone.embeddings.norm."),
    # timm halves the map at the head of a stage, transformers at the end of the one before.
    (r"^backbone\.body\.layers_(\d)\.downsample\.", lambda m: f"{STAGES}.{int(m[1]) - 1}.downsample."),
    (
        r"^backbone\.body\.layers_(\d)\.blocks\.(\d+)\.(norm\d\.|attn\.(?:qkv\.|proj\.|\w+)|mlp\.fc\d\.)",
        lambda m: f"{STAGES}.{m[1]}.blocks.{m[2]}.{BLOCK[m[3]]}",
    ),
    *FEATURE_NORMS,
    *DECODER,
]

LIVE_NAMES = (
    (r"^backbone\.swin\.", "backbone."),
    (r"\.attention\.q_proj\.", ".attention.self.query."),
    (r"\.attention\.k_proj\.", ".attention.self.key."),
    (r"\.attention\.v_proj\.", ".attention.self.value."),
    (r"\.attention\.relative_position_bias\.", ".attention.self."),
    (r"\.attention\.o_proj\.", ".attention.output.dense."),
    (r"\.mlp\.fc1\.", ".intermediate.dense."),
    (r"\.mlp\.fc2\.", ".output.dense."),
)
"""Names of the network in memory (transformers 5) to those of its files, which have stayed those of version 4."""


def _on_file(key: str) -> str:
    for pattern, name in LIVE_NAMES:
        key = re.sub(pattern, name, key)
    return key


def recognise(shapes: Shapes) -> Recognition | None:
    """Recognise the names of transformers' UperNet over those of its Swin transformer."""
    shapes = {_on_file(key): shape for key, shape in shapes.items()}
    table = shapes.get(f"{STAGES}.0.blocks.0.attention.self.relative_position_bias_table")
    if table is None or (found := decoder(shapes)) is None:
        return None
    width = shapes["backbone.embeddings.norm.weight"][0]
    blocks = tuple(count_blocks(shapes, f"{STAGES}.{stage}.blocks.") for stage in range(4))
    # The table has an entry for each distance across and down within a window.
    side = (round(table[0] ** 0.5) + 1) // 2
    shown = f"{', '.join(map(str, blocks))} blocks, the first {width} wide, and windows of {side}"
    if (name := SIZES.get((width, blocks, side))) is None:
        raise UserError(f"its stages have {shown}, as no published Swin transformer has")
    network, classes = found
    return Recognition(
        backbone=BackboneSettings(name, windows="padded"),
        network=replace(network, feature_norm=True, feature_norm_eps=FEATURE_EPS),
        num_classes=classes,
        names=NAMES,
        why=(f"stages of {shown}: {name}", *WHY, "each feature is normalised over its channels"),
        protocol=PROTOCOL,
        dropped=(
            (r"\.relative_position_index$", "a table that follows from the window's side"),
            (r"^backbone\.layernorm\.", "the norm before the classifier of ImageNet, which nothing uses"),
        ),
    )


def adapt(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Translate the names of files, and join queries, keys and values into one matrix, as timm has them."""
    adapted = {_on_file(key): value for key, value in tensors.items()}
    for key in [key for key in adapted if ".attention.self.query." in key]:
        parts = [adapted.pop(key.replace(".query.", f".{name}.")) for name in ("query", "key", "value")]
        adapted[key.replace(".query.", ".qkv.")] = torch.cat(parts)
    return adapted


FAMILY = Family("UperNet of Hugging Face transformers, with a Swin transformer", recognise, adapt)
