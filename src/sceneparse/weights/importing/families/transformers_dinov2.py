"""UperNet of Hugging Face transformers over DINOv2 (Oquab et al., arXiv 2304.07193), a plain ViT, by its AutoBackbone.

With registers (Darcet et al., ICLR 2024, arXiv 2309.16588) or without, the giant one with SwiGLU in its blocks.
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
from sceneparse.weights.importing.families.transformers_config import (
    GELU,
    backbone_config,
    refuse_others,
    taken_stages,
    with_grids,
)
from sceneparse.weights.importing.family import Family, Names, OpenSetting, Recognition, Shapes
from sceneparse.weights.importing.resnets import count_blocks

SIZES: dict[tuple[int, int, bool], str] = {
    (384, 12, False): "small",
    (768, 12, False): "base",
    (1024, 24, False): "large",
    (1536, 40, True): "giant",
}
"""Its size by the width, the number of blocks, and whether these have SwiGLU."""

HEADS = {384: (6,), 768: (12,), 1024: (16,), 1536: (24,)}
"""Heads of the attention by the width: each is 64 wide, which no key tells."""

NAMES_BY_REGISTERS = {0: "dinov2_{}_patch14_518", 4: "vit_{}_patch14_reg4_dinov2"}
"""Our name by the number of registers; transformers interpolates positions as timm does where there are registers."""

POSITIONS = 1 + 37 * 37
"""The class token, and the patches of the pictures of 518×518 that they were trained on."""

LAYERS = "backbone.encoder.layer"
CLASS_TOKEN, REGISTERS = "backbone.embeddings.cls_token", "backbone.embeddings.register_tokens"
TABLE = "backbone.embeddings.position_embeddings"
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
"""Names of a block; SwiGLU's are brought to those of the MLP by `adapt`."""

NAMES: Names = [
    (r"^backbone\.body\.cls_token$", CLASS_TOKEN),
    (r"^backbone\.body\.reg_token$", REGISTERS),
    (r"^backbone\.body\.pos_embed$", TABLE),
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

GATED = {"weights_in": "fc1", "weights_out": "fc2", "down_proj": "fc2"}
"""Names of SwiGLU's matrices, in files and in memory, to those of the MLP."""

JOINED = {
    ".attention.attention.query.": ((".query.", ".key.", ".value."), ".qkv."),
    # SwiGLU in memory, of which files hold one matrix.
    ".mlp.gate_proj.": ((".gate_proj.", ".up_proj."), ".fc1."),
}
"""Matrices that timm has as one: what is in the first's key, the ends of all, and that of the one."""


def _on_file(key: str) -> str:
    for live, name in LIVE.items():
        key = key.replace(f".attention.{live}.", f".attention.{name}.")
    for gated, name in GATED.items():
        key = key.replace(f".mlp.{gated}.", f".mlp.{name}.")
    return key


def recognise(shapes: Shapes) -> Recognition | None:
    """Recognise the names of transformers' UperNet over those of its DINOv2."""
    positions = shapes.get(TABLE)
    if positions is None or f"{LAYERS}.0.layer_scale1.lambda1" not in shapes or (found := decoder(shapes)) is None:
        return None
    width, depth = positions[-1], count_blocks(shapes, f"{LAYERS}.")
    gated = f"{LAYERS}.0.mlp.fc1.weight" not in shapes
    registers = shapes.get(REGISTERS, (1, 0))[1]
    size, form = SIZES.get((width, depth, gated)), NAMES_BY_REGISTERS.get(registers)
    if size is None or form is None or positions[1] != POSITIONS:
        kind = f"{width} wide with SwiGLU" if gated else f"{width} wide"
        raise UserError(
            f"its DINOv2 has {depth} blocks {kind}, {positions[1]} positions and {registers} registers; "
            f"{', '.join(SIZES.values())}, with {POSITIONS} positions and 0 or 4 registers, can "
            "be imported"
        )
    name = form.format(size)
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
    found, backbone = with_grids(found, meta), backbone_config(meta)
    if backbone is None:
        return found
    if backbone.get("reshape_hidden_states") is False:
        raise UserError("its backbone_config has reshape_hidden_states false, with which no UperNet can be computed")
    depth = next(
        depth
        for (_, depth, _), size in SIZES.items()
        if found.backbone.name in {form.format(size) for form in NAMES_BY_REGISTERS.values()}
    )
    refuse_others(backbone, {"layer_norm_eps": (1e-6,)})
    if (heads := HEADS.get(backbone.get("hidden_size", 0))) is not None:
        refuse_others(backbone, {"num_attention_heads": heads})
    if backbone.get("use_swiglu_ffn") is not True:  # the gate of SwiGLU has its own
        refuse_others(backbone, {"hidden_act": GELU})
    given = taken_stages(backbone)
    if given is None or len(given) != 4 or not all(isinstance(one, int) for one in given):
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
    """Translate the names of files, and join what timm has as one: queries, keys and values, or SwiGLU's two halves.

    Where there are registers, timm's positions are those of patches alone; that of the class token is added to it.
    """
    adapted = {_on_file(key): value for key, value in tensors.items()}
    for mark, (ends, joined) in JOINED.items():
        for key in [key for key in adapted if mark in key]:
            parts = [adapted.pop(key.replace(ends[0], end)) for end in ends]
            adapted[key.replace(ends[0], joined)] = torch.cat(parts)
    if REGISTERS in adapted:
        table = adapted[TABLE]
        adapted[CLASS_TOKEN], adapted[TABLE] = adapted[CLASS_TOKEN] + table[:, :1], table[:, 1:]
    return adapted


FAMILY = Family("UperNet of Hugging Face transformers, with DINOv2", recognise, adapt, refine=refine)
