"""UperNet of Hugging Face transformers over a Swin transformer (Liu et al., ICCV 2021, arXiv 2103.14030)."""

import re
from dataclasses import replace

import torch
from torch import Tensor

from sceneparse.settings import BackboneSettings
from sceneparse.weights.importing.families.transformers import DECODER, PROTOCOL, WHY, decoder
from sceneparse.weights.importing.families.transformers_config import GELU, refining
from sceneparse.weights.importing.families.transformers_convnext import FEATURE_NORMS
from sceneparse.weights.importing.family import Family, Names, Recognition, Shapes
from sceneparse.weights.importing.swins import FEATURE_EPS, INDEX, find_swin, swin_names

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
    *swin_names("backbone.embeddings.patch_embeddings.projection.", "backbone.embeddings.norm.", f"{STAGES}.", BLOCK),
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
    # Queries, keys and values are apart; each takes the channels that the three together take.
    joined = {key.replace(".query.", ".qkv."): shape for key, shape in shapes.items()}
    swin = find_swin(joined, f"{STAGES}.", "attention.self.")
    if swin is None or (found := decoder(shapes)) is None:
        return None
    name, shown = swin
    network, classes = found
    return Recognition(
        backbone=BackboneSettings(name, windows="padded"),
        network=replace(network, feature_norm=True, feature_norm_eps=FEATURE_EPS),
        num_classes=classes,
        names=NAMES,
        why=(f"stages of {shown}: {name}", *WHY, "each feature is normalised over its channels"),
        protocol=PROTOCOL,
        dropped=(
            INDEX,
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


# Its own epsilon is that of the blocks alone, not of the patches' and the features' norms.
REFINE = refining({"hidden_act": GELU, "layer_norm_eps": (1e-5,)})

FAMILY = Family("UperNet of Hugging Face transformers, with a Swin transformer", recognise, adapt, refine=REFINE)
