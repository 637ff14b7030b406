"""Twins transformers (Chu et al., NeurIPS 2021, arXiv 2104.13840) as MMSegmentation writes them."""

import re

from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings
from sceneparse.weights.importing.families.mmseg.convolutional import FoundBackbone
from sceneparse.weights.importing.families.mmseg.fixed import EPS, Fixed, only
from sceneparse.weights.importing.family import Names, Shapes
from sceneparse.weights.importing.resnets import count_blocks

SIZES: dict[tuple[bool, int, tuple[int, ...]], str] = {
    (False, 64, (3, 4, 6, 3)): "twins_pcpvt_small",
    (False, 64, (3, 4, 18, 3)): "twins_pcpvt_base",
    (False, 64, (3, 8, 27, 3)): "twins_pcpvt_large",
    (True, 64, (2, 2, 10, 4)): "twins_svt_small",
    (True, 96, (2, 2, 18, 2)): "twins_svt_base",
    (True, 128, (2, 2, 18, 2)): "twins_svt_large",
}
"""timm's name by whether it has windows (SVT), the width of the first stage and the blocks of each."""

NORM_EPS = 1e-5
"""Of all layer norms; timm's blocks have 1e-6. What masks the windows of an SVT sees to it."""

HEAD_WIDTH = 32
"""Channels of each attention head of an SVT."""

BLOCK = {
    "norm1.": "norm1.",
    "norm2.": "norm2.",
    "attn.qkv.": "attn.qkv.",
    "attn.sr.": "attn.sr.",
    "attn.norm.": "attn.norm.",
    "attn.q.": "attn.q.",
    "attn.kv.": "attn.kv.",
    "mlp.fc1.": "ffn.layers.0.0.",
    "mlp.fc2.": "ffn.layers.1.",
}


def _names(local: bool) -> Names:
    def projection(found: re.Match[str]) -> str:
        # Windows have a projection of their own, the others that of torch's attention.
        inner = "attn.proj." if local and int(found[2]) % 2 == 0 else "attn.attn.out_proj."
        return f"backbone.layers.{found[1]}.{found[2]}.{inner}"

    body = r"^backbone\.body\.model\."
    return [
        (rf"{body}patch_embeds\.(\d)\.proj\.", r"backbone.patch_embeds.\1.projection."),
        (rf"{body}patch_embeds\.(\d)\.norm\.", r"backbone.patch_embeds.\1.norm."),
        (rf"{body}pos_block\.(\d)\.proj\.0\.", r"backbone.position_encodings.\1.proj."),
        (rf"{body}blocks\.(\d)\.(\d+)\.attn\.proj\.", projection),
        (
            rf"{body}blocks\.(\d)\.(\d+)\.(norm\d\.|attn\.\w+\.|mlp\.fc\d\.)",
            lambda m: f"backbone.layers.{m[1]}.{m[2]}.{BLOCK[m[3]]}",
        ),
        (rf"{body}blocks\.(\d)\.\d+\.stage_norm\.", r"backbone.norm_list.\1."),
    ]


def find_twins(shapes: Shapes) -> FoundBackbone | None:
    """Return the Twins transformer in a checkpoint; None if there is none.

    Raises:
        UserError: Nobody published one of this size.
    """
    if "backbone.position_encodings.0.proj.weight" not in shapes:
        return None
    local = "backbone.layers.0.0.attn.qkv.weight" in shapes
    width = shapes["backbone.patch_embeds.0.projection.weight"][0]
    blocks = tuple(count_blocks(shapes, f"backbone.layers.{stage}.") for stage in range(4))
    shown = f"{', '.join(map(str, blocks))} blocks{' with windows' if local else ''}, the first {width} wide"
    if (name := SIZES.get((local, width, blocks))) is None:
        raise UserError(
            f"its stages have {shown}, as no published Twins transformer has; there are {', '.join(SIZES.values())}"
        )
    return FoundBackbone(
        kind="other",
        settings=BackboneSettings(
            name, windows="masked" if local else "own", sides="patches", norm_eps=None if local else NORM_EPS
        ),
        names=_names(local),
        why=f"stages of {shown}: {name}",
        first="backbone.patch_embeds.0.projection.weight",
        theirs=("SVT",) if local else ("PCPVT",),
        fixed={**EPS, **(_of_windows(width) if local else {"num_heads": only((1, 2, 5, 8))})},
    )


def _of_windows(width: int) -> Fixed:
    """Return what the configuration of an SVT must have that no key tells; the misspelt name is MMSegmentation's."""
    heads = tuple(width // HEAD_WIDTH * factor for factor in (1, 2, 4, 8))
    return {"num_heads": only(heads), "windiow_sizes": only((7, 7, 7, 7))}


JOINT = re.compile(r"^(backbone\.layers\.\d\.\d+\.attn\.)attn\.in_proj_(weight|bias)$")


def adapt_twins(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Split what makes queries, keys and values as timm has it: queries apart, since they see the whole map."""
    adapted = dict(tensors)
    for key in tensors:
        if found := JOINT.match(key):
            joint = adapted.pop(key)
            width = joint.shape[0] // 3
            adapted[f"{found[1]}q.{found[2]}"], adapted[f"{found[1]}kv.{found[2]}"] = joint[:width], joint[width:]
    return adapted
