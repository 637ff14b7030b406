"""The UPerNet re-implementation whose pyramid concatenates instead of adding and pools by maximum.

Its ResNet comes from torchvision with all three `replace_stride_with_dilation`, but keeps its strides.
"""

import re

import torch
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings, NetworkSettings, ProtocolSettings
from sceneparse.weights.importing.family import Family, Names, Recognition, Shapes, layer
from sceneparse.weights.importing.resnets import count_blocks, find_resnet, narrower, stem_letter

MERGED_BIAS = re.compile(r"^decoder\.(PPMHead\.final|Conv_fuse[123]_?|fuse_all)\.0\.bias$")
"""Biases before a batch norm, which takes them off again with the mean."""

OWN_LAST = ("PPMHead.final", "Conv_fuse1_", "Conv_fuse2_", "Conv_fuse3_")
"""Convolutions that take the level's own map behind the others, in the order in which fuse_all takes what they make."""


def _fuse(suffix: str, place: str) -> Names:
    """Return the names of the three levels: Conv_fuse1 belongs to stage 3, Conv_fuse3 to stage 1."""
    return [
        entry
        for index in range(3)
        for entry in layer(
            rf"{place}\.{index}", f"decoder.Conv_fuse{3 - index}{suffix}.0.", f"decoder.Conv_fuse{3 - index}{suffix}.1."
        )
    ]


NAMES: Names = [
    (r"^backbone\.body\.", "backbone."),
    (r"^pyramid\.branches\.(\d+)\.conv\.", r"decoder.PPMHead.psp_modules.\1.1."),
    *layer("top", "decoder.PPMHead.final.0.", "decoder.PPMHead.final.1."),
    *_fuse("", "laterals"),
    *_fuse("_", "merges"),
    *layer("fusion", "decoder.fuse_all.0.", "decoder.fuse_all.1."),
    (r"^classifier\.", "cls_seg.0."),
]


def recognise(shapes: Shapes) -> Recognition | None:
    """Recognise a ResNet under backbone, the pyramid and the fusing convolutions under decoder, and cls_seg."""
    stem = stem_letter(shapes, "backbone.conv1.weight", "")
    classifier, fusion = shapes.get("cls_seg.0.weight", ()), shapes.get("decoder.fuse_all.0.weight", ())
    first = shapes.get("decoder.PPMHead.psp_modules.0.1.weight", ())
    if stem is None or len(classifier) != 4 or len(fusion) != 4 or len(first) != 4:
        return None
    resnet = find_resnet(shapes, lambda number: f"backbone.layer{number}.")
    if (grids := count_blocks(shapes, "decoder.PPMHead.psp_modules.")) != 4:
        raise UserError(f"its pyramid has {grids} grids; only that code's four (1, 2, 3, 6) are known")
    return Recognition(
        # torchvision dilates no basic blocks.
        backbone=BackboneSettings(resnet.timm(), dilation="doubled" if resnet.bottleneck else "first"),
        network=NetworkSettings(
            architecture="upernet_concat",
            channels=fusion[0],
            branch_channels=narrower(first[0], fusion[0]),
            pool="max",
            branch="bias",
            aux=False,
            dropout=0.0,
            align_corners=True,
        ),
        num_classes=classifier[0],
        names=NAMES,
        why=(
            "PPMHead, Conv_fuse1_ and fuse_all under decoder: the UPerNet that concatenates its levels",
            resnet.why,
            "that code pools by maximum, aligns corners, keeps all strides and dilates nonetheless",
        ),
        protocol=ProtocolSettings("whole"),
        dropped=((r"^backbone\.fc\.", "the classifier of ImageNet, which nothing uses"),),
    )


def adapt(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Merge biases into the batch norms behind them, and reorder channels: the map of full size first."""
    adapted = dict(state)
    for key in state:
        if MERGED_BIAS.match(key):
            mean = key.replace(".0.bias", ".1.running_mean")
            adapted[mean] = state[mean] - adapted.pop(key)
    for key in OWN_LAST:
        weight = state[f"decoder.{key}.0.weight"]
        # What these make has the width of their own map.
        adapted[f"decoder.{key}.0.weight"] = weight.roll(weight.shape[0], dims=1)
    widths = [state[f"decoder.{key}.0.weight"].shape[0] for key in OWN_LAST]
    fuse = "decoder.fuse_all.0.weight"
    adapted[fuse] = torch.cat(state[fuse].split(widths, dim=1)[::-1], dim=1)
    return adapted


FAMILY = Family(
    "the UPerNet re-implementation that concatenates its levels and pools by maximum",
    recognise,
    adapt,
)
