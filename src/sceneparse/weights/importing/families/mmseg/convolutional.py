"""The convolutional backbones of MMSegmentation: ResNet (V1, V1c, V1d), ResNeSt, MobileNetV2 and HRNet."""

import re
from dataclasses import dataclass, field
from typing import Literal

from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings
from sceneparse.weights.importing.families.mmseg.fixed import EPS, Fixed, only
from sceneparse.weights.importing.family import Names, Shapes
from sceneparse.weights.importing.resnets import count_blocks, find_resnet, stem_letter

Kind = Literal["resnet", "resnest", "mobilenet", "other"]


@dataclass(frozen=True)
class FoundBackbone:
    """A backbone that was recognised.

    Args:
        kind: How it is dilated.
        settings: Its settings, undilated.
        names: Our keys to MMSegmentation's.
        why: What it was recognised by, for people.
        first: The key of its first convolution, which takes the picture.
        theirs: Its names in MMSegmentation's configurations.
        basic: Whether it is a ResNet of basic blocks.
        network: Settings of the network that follow from it.
        dropped: As in `Recognition`.
        plain: Whether it is a plain transformer, whose neck is part of it here.
        fixed: What its configuration must have that no key tells.
    """

    kind: Kind
    settings: BackboneSettings
    names: Names
    why: str
    first: str
    theirs: tuple[str, ...]
    basic: bool = False
    network: dict[str, object] = field(default_factory=dict)
    dropped: tuple[tuple[str, str], ...] = ()
    plain: bool = False
    fixed: Fixed = field(default_factory=dict)


STEMS: dict[str, Names] = {
    "": [(r"^backbone\.body\.", "backbone.")],
    "deep": [
        (r"^backbone\.body\.conv1\.", "backbone.stem."),
        (r"^backbone\.body\.bn1\.", "backbone.stem.7."),
        (r"^backbone\.body\.", "backbone."),
    ],
}


def find_resnet_backbone(shapes: Shapes) -> FoundBackbone | None:
    """Return the ResNet in a checkpoint; None if there is none.

    Raises:
        UserError: Blocks are missing, or nobody published such a one.
    """
    stem = _stem(shapes)
    if stem is None or "backbone.layer1.0.conv2.conv.weight" in shapes:
        return None
    letter, why = stem
    resnet = find_resnet(shapes, lambda number: f"backbone.layer{number}.")
    return FoundBackbone(
        kind="resnet",
        settings=BackboneSettings(resnet.timm(letter)),
        names=STEMS["deep" if letter else ""],
        why=f"{resnet.why}, {why}",
        first="backbone.stem.0.weight" if letter else "backbone.conv1.weight",
        theirs=("ResNet", f"ResNetV1{letter}"),
        basic=not resnet.bottleneck,
        fixed=EPS,
    )


def _stem(shapes: Shapes) -> tuple[str, str] | None:
    deep = stem_letter(shapes, "backbone.stem.0.weight", "backbone.stem.6.weight")
    if deep is None:
        return stem_letter(shapes, "backbone.conv1.weight", "")
    # ResNetV1d pools before a shortcut's convolution, which so is the second of its layers.
    pooled = "backbone.layer2.0.downsample.1.weight" in shapes
    convolved_second = pooled and len(shapes["backbone.layer2.0.downsample.1.weight"]) == 4
    if deep[0] == "c" and convolved_second:
        return "d", f"{deep[1]} and shortcuts that pool"
    return None if convolved_second else deep


RESNESTS: dict[tuple[int, ...], tuple[str, int]] = {
    (3, 4, 6, 3): ("resnest50d", 64),
    (3, 4, 23, 3): ("resnest101e", 128),
    (3, 24, 36, 3): ("resnest200e", 128),
}
"""timm's name and the stem's width by the blocks of each stage (Zhang et al., 2020, arXiv 2004.08955)."""


def find_resnest(shapes: Shapes) -> FoundBackbone | None:
    """Return the ResNeSt in a checkpoint; None if there is none.

    Raises:
        UserError: Nobody published such a one.
    """
    if "backbone.layer1.0.conv2.fc1.weight" not in shapes:
        return None
    blocks = tuple(count_blocks(shapes, f"backbone.layer{number}.") for number in (1, 2, 3, 4))
    width = shapes["backbone.stem.6.weight"][0]
    name, stem = RESNESTS.get(blocks, ("", 0))
    if stem != width:
        raise UserError(f"a ResNeSt with stages of {', '.join(map(str, blocks))} blocks and a stem of {width} channels")
    return FoundBackbone(
        kind="resnest",
        settings=BackboneSettings(name),
        names=STEMS["deep"],
        why=f"stages of {', '.join(map(str, blocks))} blocks with split attention: {name}",
        first="backbone.stem.0.weight",
        theirs=("ResNeSt",),
        fixed={**EPS, "avg_down_stride": only(True)},
    )


MOBILENETV2 = (1, 2, 3, 4, 3, 3, 1)
"""Blocks in each of its seven groups (Sandler et al., CVPR 2018, table 2)."""

FIRST_LAYERS = {"conv_dw": "0.conv", "bn1": "0.bn", "conv_pw": "1.conv", "bn2": "1.bn"}
LAYERS = {
    "conv_pw": "0.conv",
    "bn1": "0.bn",
    "conv_dw": "1.conv",
    "bn2": "1.bn",
    "conv_pwl": "2.conv",
    "bn3": "2.bn",
}


def _mobile_block(found: re.Match[str]) -> str:
    group, number, layer = int(found[1]), found[2], found[3]
    return f"backbone.layer{group + 1}.{number}.conv.{(LAYERS if group else FIRST_LAYERS)[layer]}."


def find_mobilenetv2(shapes: Shapes) -> FoundBackbone | None:
    """Return the MobileNetV2 in a checkpoint; None if there is none.

    Raises:
        UserError: It is of another width than 1.
    """
    if "backbone.layer1.0.conv.0.conv.weight" not in shapes:
        return None
    blocks = tuple(count_blocks(shapes, f"backbone.layer{number}.") for number in range(1, 8))
    width = shapes["backbone.layer7.0.conv.2.conv.weight"][0]
    if blocks != MOBILENETV2 or width != 320:
        raise UserError(f"a MobileNetV2 that ends with {width} channels; only that of width 1 (320) can be imported")
    return FoundBackbone(
        kind="mobilenet",
        settings=BackboneSettings("mobilenetv2_100"),
        names=[
            (r"^backbone\.body\.conv_stem\.", "backbone.conv1.conv."),
            (r"^backbone\.body\.bn1\.", "backbone.conv1.bn."),
            (r"^backbone\.body\.blocks\.(\d)\.(\d)\.(\w+)\.", _mobile_block),
        ],
        why="layer1 to layer7 of inverted residuals: MobileNetV2",
        first="backbone.conv1.conv.weight",
        theirs=("MobileNetV2",),
        fixed={**EPS, "act_cfg.type": only("ReLU6")},
    )


HRNETS = {(2, 18): "hrnetv2_w18_small", (4, 18): "hrnetv2_w18", (4, 32): "hrnetv2_w32", (4, 48): "hrnetv2_w48"}
"""Our name by the blocks of a branch and the channels of the finest (Sun et al., 2019, arXiv 1904.04514)."""


def find_hrnet(shapes: Shapes) -> FoundBackbone | None:
    """Return the HRNet in a checkpoint; None if there is none.

    Raises:
        UserError: Nobody published one of this size.
    """
    if "backbone.transition1.0.0.weight" not in shapes:
        return None
    blocks = count_blocks(shapes, "backbone.stage2.0.branches.0.")
    width = shapes["backbone.transition1.0.0.weight"][0]
    if (name := HRNETS.get((blocks, width))) is None:
        raise UserError(f"an HRNet with branches of {blocks} blocks, the finest {width} wide, as nobody published")
    return FoundBackbone(
        kind="other",
        settings=BackboneSettings(name),
        names=STEMS[""],
        why=f"branches of {blocks} blocks, the finest {width} wide: {name}",
        first="backbone.conv1.weight",
        theirs=("HRNet",),
        fixed=EPS,
    )
