"""The first release of PSPNet, in Caffe (github.com/hszhao/PSPNet, evaluation/prototxt).

Layers are recognised by the names in its deploy files; a "BN" layer's four blobs are slope, bias, mean and variance.
"""

import re

from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings, NetworkSettings, PreprocessingSettings, ProtocolSettings, StrideOn
from sceneparse.weights.importing.family import Family, Names, Recognition, Shapes
from sceneparse.weights.importing.resnets import find_resnet, narrower

BINS = (6, 3, 2, 1)
"""Its grids in the order of its concatenation."""

STEM = {"conv1.0": "conv1_1_3x3_s2", "conv1.3": "conv1_2_3x3", "conv1.6": "conv1_3_3x3"}
STEM_NORM = {"conv1.1": "conv1_1_3x3_s2", "conv1.4": "conv1_2_3x3", "bn1": "conv1_3_3x3"}
PARTS = {"1": "1x1_reduce", "2": "3x3", "3": "1x1_increase"}
NORM = {"weight": "0", "bias": "1", "running_mean": "2", "running_var": "3"}
"""Blobs of a BN layer."""


def _block(match: re.Match[str]) -> str:
    stage, block, kind, part, value = match.groups()
    layer = f"conv{int(stage) + 1}_{int(block) + 1}_{PARTS[part]}"
    return f"{layer}.0" if kind == "conv" else f"{layer}/bn.{NORM[value]}"


def _shortcut(match: re.Match[str]) -> str:
    stage, block, part, value = match.groups()
    layer = f"conv{int(stage) + 1}_{int(block) + 1}_1x1_proj"
    return f"{layer}.0" if part == "0" else f"{layer}/bn.{NORM[value]}"


VALUE = "(weight|bias|running_mean|running_var)$"

NAMES: Names = [
    (r"^backbone\.body\.(conv1\.[036])\.weight$", lambda m: f"{STEM[m[1]]}.0"),
    (rf"^backbone\.body\.(conv1\.[14]|bn1)\.{VALUE}", lambda m: f"{STEM_NORM[m[1]]}/bn.{NORM[m[2]]}"),
    (rf"^backbone\.body\.layer(\d)\.(\d+)\.(conv|bn)(\d)\.{VALUE}", _block),
    (rf"^backbone\.body\.layer(\d)\.(\d+)\.downsample\.(\d)\.{VALUE}", _shortcut),
    (r"^pyramid\.branches\.(\d)\.conv\.weight$", lambda m: f"conv5_3_pool{BINS[int(m[1])]}_conv.0"),
    (
        rf"^pyramid\.branches\.(\d)\.norm\.{VALUE}",
        lambda m: f"conv5_3_pool{BINS[int(m[1])]}_conv/bn.{NORM[m[2]]}",
    ),
    (r"^head\.layer\.conv\.weight$", "conv5_4.0"),
    (rf"^head\.layer\.norm\.{VALUE}", lambda m: f"conv5_4/bn.{NORM[m[1]]}"),
    (r"^head\.classifier\.weight$", "conv6.0"),
    (r"^head\.classifier\.bias$", "conv6.1"),
]

STRIDE_ON: dict[int, StrideOn] = {50: "1x1", 101: "3x3"}
"""Where conv3_1 has its stride in the release's two backbones: its deploy files differ, its weights cannot tell."""

PIXEL = 1 / 255
PREPROCESSING = PreprocessingSettings(
    mean=(123.68 * PIXEL, 116.779 * PIXEL, 103.939 * PIXEL), std=(PIXEL, PIXEL, PIXEL)
)
"""Values of 0..255 minus their means, in RGB here: `adapt` turns the stem's channels around."""


def recognise(shapes: Shapes) -> Recognition | None:
    """Recognise a deep stem, the pyramid conv5_3_pool1_conv to conv5_3_pool6_conv, conv5_4 and the classifier conv6."""
    classes, mix, branch = (shapes.get(key) for key in ("conv6.0", "conv5_4.0", "conv5_3_pool1_conv.0"))
    if classes is None or mix is None or branch is None or "conv1_3_3x3.0" not in shapes:
        return None
    # As `find_resnet` expects them: "conv2_3_1x1_increase.0" is the last convolution of block 2 of stage 1.
    blocks = {
        f"stage{int(found[1]) - 1}.{int(found[2]) - 1}.increase": shape
        for key, shape in shapes.items()
        if (found := re.fullmatch(r"conv([2-5])_(\d+)_1x1_increase\.0", key))
    }
    resnet = find_resnet(blocks, lambda number: f"stage{number}.", "increase")
    if resnet.depth not in (50, 101):
        raise UserError(f"a ResNet-{resnet.depth}; the release has ResNet-50 and ResNet-101 only")
    large = classes[0] == 19
    return Recognition(
        backbone=BackboneSettings(resnet.timm("s"), dilation="first", stride_on=STRIDE_ON[resnet.depth]),
        network=NetworkSettings(
            channels=mix[0],
            bins=BINS,
            branch_channels=narrower(branch[0], branch[1] // len(BINS)),
            aux=False,
            align_corners=True,
        ),
        num_classes=classes[0],
        names=NAMES,
        why=(
            "layers conv1_1_3x3_s2 to conv6: PSPNet of the first release, in Caffe",
            resnet.why,
            f"its ResNet-{resnet.depth} halves the picture in the {STRIDE_ON[resnet.depth]} convolution of a block",
        ),
        preprocessing=PREPROCESSING,
        protocol=ProtocolSettings("semseg", size=2048, window=(713, 713)) if large else ProtocolSettings("semseg"),
        dropped=((r"^[^/]*aux", "the auxiliary head, which the release's deploy files leave out"),),
    )


def adapt(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Flatten BN's blobs (1, C, 1, 1) and older files' biases (1, 1, 1, C), and turn the stem from BGR to RGB."""
    changed = {key: value.flatten() if "/bn." in key or key == "conv6.1" else value for key, value in tensors.items()}
    return changed | {"conv1_1_3x3_s2.0": tensors["conv1_1_3x3_s2.0"].flip(1)}


FAMILY = Family("PSPNet, the first release in Caffe (hszhao/PSPNet, .caffemodel)", recognise, adapt)
