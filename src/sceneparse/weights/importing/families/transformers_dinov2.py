"""UperNet of Hugging Face transformers over DINOv2 (Oquab et al., arXiv 2304.07193), a plain ViT, by its AutoBackbone.

transformers has no neck: all four maps keep the stride of the patches, 14.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings
from sceneparse.weights.importing.families.transformers import DECODER, PROTOCOL, WHY, decoder
from sceneparse.weights.importing.family import Family, Names, OpenSetting, Recognition, Shapes
from sceneparse.weights.importing.resnets import count_blocks

SIZES: dict[tuple[int, int], str] = {
    (384, 12): "dinov2_small_patch14_518",
    (768, 12): "dinov2_base_patch14_518",
    (1024, 24): "dinov2_large_patch14_518",
}
"""Our name by the width and the number of blocks."""

POSITIONS = 1 + 37 * 37
"""The class token, and the patches of the pictures of 518×518 that they were trained on."""

LAYERS = "backbone.encoder.layer"
BLOCK = {
    "norm1.": "norm1.",
    "norm2.": "norm2.",
    "attn.qkv.": "attention.attention.qkv.",
    "attn.proj.": "attention.output.dense.",
    "ls1.gamma": "layer_scale1.lambda1",
    "ls2.gamma": "layer_scale2.lambda1",
    "mlp.fc1.": "mlp.fc1.",
    "mlp.fc2.": "mlp.fc2.",
}
NAMES: Names = [
    (r"^backbone\.body\.cls_token$", "backbone.embeddings.cls_token"),
    (r"^backbone\.body\.pos_embed$", "backbone.embeddings.position_embeddings"),
    (r"^backbone\.body\.patch_embed\.proj\.", "backbone.embeddings.patch_embeddings.projection."),
    (
        r"^backbone\.body\.blocks\.(\d+)\.(norm\d\.|attn\.\w+\.|ls\d\.gamma|mlp\.fc\d\.)",
        lambda m: f"{LAYERS}.{m[1]}.{BLOCK[m[2]]}",
    ),
    (r"^backbone\.body\.norm\.", "backbone.layernorm."),
    *DECODER,
]
MASK = (r"^backbone\.embeddings\.mask_token$", "what stands for hidden patches in DINOv2's own training")

LIVE = {"q_proj": "attention.query", "k_proj": "attention.key", "v_proj": "attention.value", "o_proj": "output.dense"}
"""Names of the attention in memory (transformers 5) to those of its files, which have stayed those of version 4."""


def _on_file(key: str) -> str:
    for live, name in LIVE.items():
        key = key.replace(f".attention.{live}.", f".attention.{name}.")
    return key


def recognise(shapes: Shapes) -> Recognition | None:
    """Recognise the names of transformers' UperNet over those of its DINOv2."""
    positions = shapes.get("backbone.embeddings.position_embeddings")
    if positions is None or f"{LAYERS}.0.layer_scale1.lambda1" not in shapes or (found := decoder(shapes)) is None:
        return None
    width, depth = positions[-1], count_blocks(shapes, f"{LAYERS}.")
    name = SIZES.get((width, depth)) if f"{LAYERS}.0.mlp.fc1.weight" in shapes else None
    if name is None or positions[1] != POSITIONS or "backbone.embeddings.register_tokens" in shapes:
        known = ", ".join(SIZES.values())
        raise UserError(
            f"its DINOv2 has {depth} blocks {width} wide and {positions[1]} positions; {known}, with {POSITIONS} "
            "positions and without registers, can be imported"
        )
    network, classes = found
    evenly = tuple(depth * stage // 4 - 1 for stage in range(1, 5))
    recognition = Recognition(
        backbone=BackboneSettings(name, neck="flat", sides="cut"),
        network=network,
        num_classes=classes,
        names=NAMES,
        why=(
            f"{depth} blocks, {width} wide, of patches of 14: {name}",
            *WHY,
            "no neck: all maps keep the patches' stride",
        ),
        protocol=PROTOCOL,
        open=(
            OpenSetting(
                "backbone.blocks", f"taken to be {list(evenly)}, evenly spaced; the config.json beside says which"
            ),
            OpenSetting(
                "backbone.final_norm", "taken to be true, transformers' default; the config.json beside says it"
            ),
        ),
    )
    return _taking(recognition, evenly, final_norm=True, depth=depth)


def refine(found: Recognition, meta: Mapping[str, Any], file: str) -> Recognition:  # noqa: ARG001 - the family's form
    """Take the blocks and the final norm from the config.json beside the weights."""
    config = meta.get("config.json")
    backbone = config.get("backbone_config") if isinstance(config, Mapping) else None
    if not isinstance(backbone, Mapping):
        return found
    if backbone.get("reshape_hidden_states") is False:
        raise UserError("its backbone_config has reshape_hidden_states false, with which no UperNet can be computed")
    depth = next(depth for (_, depth), name in SIZES.items() if name == found.backbone.name)
    given = backbone.get("out_indices")
    if not isinstance(given, list) or len(given) != 4 or not all(isinstance(one, int) for one in given):
        raise UserError(f"its backbone_config has out_indices {given!r}, but four numbers of blocks are needed")
    # Number 0 is the embedding, before the first block; negative ones count from the end.
    blocks = tuple((one if one >= 0 else depth + 1 + one) - 1 for one in given)
    if sorted(set(blocks)) != list(blocks) or not 0 <= blocks[0] <= blocks[-1] < depth:
        raise UserError(f"its backbone_config has out_indices {given}, but must be four growing ones of 1 to {depth}")
    normed = backbone.get("apply_layernorm", True) is not False
    why = f"config.json: maps behind blocks {', '.join(map(str, blocks))}, {'each' if normed else 'none'} normalised"
    return replace(_taking(found, blocks, final_norm=normed, depth=depth), why=(*found.why, why), open=())


def _taking(found: Recognition, blocks: tuple[int, ...], *, final_norm: bool, depth: int) -> Recognition:
    """Return what was recognised, with these blocks; weights of blocks behind the last, and of an idle norm, go."""
    behind = "|".join(map(str, range(blocks[-1] + 1, depth)))
    dropped = [MASK]
    if behind:
        dropped.append((rf"^backbone\.encoder\.layer\.({behind})\.", "blocks behind the last one that is taken"))
    if not final_norm:
        dropped.append((r"^backbone\.layernorm\.", "the final norm, which is not applied"))
    backbone = replace(found.backbone, blocks=blocks, final_norm=final_norm)
    return replace(found, backbone=backbone, dropped=tuple(dropped))


def adapt(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Translate the names of files, and join queries, keys and values into one matrix, as timm has them."""
    adapted = {_on_file(key): value for key, value in tensors.items()}
    for key in [key for key in adapted if ".attention.attention.query." in key]:
        parts = [adapted.pop(key.replace(".query.", f".{name}.")) for name in ("query", "key", "value")]
        adapted[key.replace(".query.", ".qkv.")] = torch.cat(parts)
    return adapted


FAMILY = Family("UperNet of Hugging Face transformers, with DINOv2", recognise, adapt, refine=refine)
