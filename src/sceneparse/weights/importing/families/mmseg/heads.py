"""The decode heads of MMSegmentation, recognised by their keys and shapes."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.settings import NetworkSettings
from sceneparse.weights.importing.family import Names, Shapes, layer
from sceneparse.weights.importing.resnets import count_blocks, narrower

PSP = "decode_head.psp_modules"
ASPP = "decode_head.aspp_modules"

OTHERS = {
    "c1_bottleneck": "DeepLabV3+",
    "sep_bottleneck": "DeepLabV3+",
    "jpu": "a joint pyramid upsampling",
    "0": "a cascade of heads",
    "mask_embed": "Mask2Former or MaskFormer",
    "cls_emb": "Segmenter",
    "linear_c": "SegFormer",
}
"""What decode heads with keys of these names are."""


@dataclass(frozen=True)
class DecodeHead:
    """A decode head.

    Args:
        network: The settings that keys and shapes tell.
        names: Our keys to MMSegmentation's.
        why: What it was recognised by, for people.
        in_channels: Channels of the map that it stands on (of the last of them); None where no key tells.
    """

    network: NetworkSettings
    names: Names
    why: str
    in_channels: int | None = None


def module(ours: str, theirs: str) -> Names:
    """Return the names of a ConvModule."""
    return layer(ours, f"{theirs}.conv.", f"{theirs}.bn.")


CLASSIFIERS: Names = [
    (r"^head\.classifier\.", "decode_head.conv_seg."),
    (r"^aux_head\.classifier\.", "auxiliary_head.conv_seg."),
    *module(r"aux_head\.layer", "auxiliary_head.convs.0"),
]
PSPNET: Names = [
    *module(r"pyramid\.branches\.(\d+)", rf"{PSP}.\1.1"),
    *module(r"head\.layer", "decode_head.bottleneck"),
    *CLASSIFIERS,
]
UPERNET: Names = [
    *module(r"pyramid\.branches\.(\d+)", rf"{PSP}.\1.1"),
    *module("top", "decode_head.bottleneck"),
    *module(r"laterals\.(\d)", r"decode_head.lateral_convs.\1"),
    *module(r"levels\.(\d)", r"decode_head.fpn_convs.\1"),
    *module(r"head\.layer", "decode_head.fpn_bottleneck"),
    *CLASSIFIERS,
]
DEEPLABV3: Names = [
    *module(r"pyramid\.point", f"{ASPP}.0"),
    (
        r"^pyramid\.atrous\.(\d)\.(conv|norm)\.",
        lambda m: f"{ASPP}.{int(m[1]) + 1}.{'conv' if m[2] == 'conv' else 'bn'}.",
    ),
    *module(r"pyramid\.mean", "decode_head.image_pool.1"),
    *module(r"head\.layer", "decode_head.bottleneck"),
    *CLASSIFIERS,
]


def fcn_names(convolutions: int, concat: bool) -> Names:
    """Return the names of an FCN with so many convolutions, and maybe one over the input beside them."""
    last = "decode_head.conv_cat" if concat else f"decode_head.convs.{convolutions - 1}"
    return [*module(r"layers\.(\d+)", r"decode_head.convs.\1"), *module(r"head\.layer", last), *CLASSIFIERS]


def find_head(shapes: Shapes) -> DecodeHead:
    """Return the decode head of a checkpoint that has decode_head.conv_seg.

    Raises:
        UserError: It is of another kind.
    """
    kinds = {key.split(".")[1] for key in shapes if key.startswith("decode_head.")}
    for kind, reader in READERS:
        if kind <= kinds and (found := reader(shapes, kinds)) is not None:
            return found
    what = next((OTHERS[kind] for kind in sorted(kinds) if kind in OTHERS), None)
    shown = ", ".join(sorted(kinds)[:6])
    raise UserError(
        f"its decode head ({what or f'of {shown}'}) is no PSPHead, UPerHead, FCNHead or ASPPHead; only these can be "
        "imported"
    )


def _grids(shapes: Shapes) -> int:
    """Return the number of grids, whose sizes are known where there are four; see `Facts.bins` for others."""
    return count_blocks(shapes, f"{PSP}.")


def _upernet(shapes: Shapes, _: set[str]) -> DecodeHead:
    channels = shapes["decode_head.fpn_bottleneck.conv.weight"][0]
    branch, width = shapes[f"{PSP}.0.1.conv.weight"][:2]
    network = NetworkSettings(
        architecture="upernet", branch_channels=narrower(branch, channels), bins=_assumed(_grids(shapes))
    )
    return DecodeHead(network, UPERNET, "pyramid in psp_modules under an FPN: mmsegmentation's UPerNet", width)


def _pspnet(shapes: Shapes, _: set[str]) -> DecodeHead:
    branch, width = shapes[f"{PSP}.0.1.conv.weight"][:2]
    grids = _grids(shapes)
    network = NetworkSettings(
        architecture="pspnet", branch_channels=narrower(branch, width // grids), bins=_assumed(grids)
    )
    return DecodeHead(network, PSPNET, "pyramid in psp_modules and no FPN: mmsegmentation's PSPNet", width)


def _assumed(grids: int) -> tuple[int, ...]:
    """Return as many grid sizes as there are: the usual four, or so many that must be given; see `open_settings`."""
    return (1, 2, 3, 6) if grids == 4 else tuple(range(1, grids + 1))


def _deeplabv3(shapes: Shapes, kinds: set[str]) -> DecodeHead | None:
    if kinds != {"image_pool", "aspp_modules", "bottleneck", "conv_seg"}:
        return None
    if (branches := count_blocks(shapes, f"{ASPP}.")) != 4:
        raise UserError(f"its atrous pyramid has {branches} branches beside the mean; only four can be imported")
    width = shapes[f"{ASPP}.0.conv.weight"][1]
    network = NetworkSettings(architecture="deeplabv3", project=False)
    return DecodeHead(network, DEEPLABV3, "aspp_modules, image_pool and bottleneck: mmsegmentation's DeepLabV3", width)


def _fcn(shapes: Shapes, kinds: set[str]) -> DecodeHead | None:
    if kinds - {"convs", "conv_cat", "conv_seg"}:
        return None
    convolutions = count_blocks(shapes, "decode_head.convs.")
    concat = "conv_cat" in kinds
    width, kernel = shapes["decode_head.convs.0.conv.weight"][1], shapes["decode_head.convs.0.conv.weight"][-1]
    if kernel not in (1, 3):
        raise UserError(f"its decode head has {kernel}×{kernel} convolutions; only 1×1 and 3×3 can be imported")
    network = NetworkSettings(architecture="fcn", convolutions=convolutions, concat_input=concat, kernel=kernel)  # type: ignore[arg-type]
    behind = ", then one over both" if concat else ""
    why = f"{convolutions} {kernel}×{kernel} convolutions{behind}: mmsegmentation's FCN"
    return DecodeHead(network, fcn_names(convolutions, concat), why, width)


READERS: tuple[tuple[set[str], Callable[[Shapes, set[str]], DecodeHead | None]], ...] = (
    ({"psp_modules", "fpn_bottleneck"}, _upernet),
    ({"psp_modules", "bottleneck"}, _pspnet),
    ({"aspp_modules"}, _deeplabv3),
    ({"convs"}, _fcn),
)
"""How each kind is read, by keys that it has."""


def adapt_head(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Reorder the convolution over the atrous pyramid, which takes the mean first; here it comes last."""
    if f"{ASPP}.0.conv.weight" not in tensors:
        return tensors
    key = "decode_head.bottleneck.conv.weight"
    width = tensors["decode_head.image_pool.1.conv.weight"].shape[0]
    return tensors | {key: torch.roll(tensors[key], -width, dims=1)}
