"""The multi-label PSPNet (github.com/Lextal/pspnet-pytorch)."""

import re

import torch
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.networks.multilabel import IMAGE_CHANNELS
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.importing.family import Family, Names, Recognition, Shapes
from sceneparse.weights.importing.resnets import find_resnet, narrower, stem_letter

STEP = {"conv": "0", "norm": "1", "relu": "2"}
"""Layers of a step of upsampling."""

FEATURES = {
    0: "feat_1.0",
    3: "feat_2.1",
    4: "feat_2.2",
    6: "feat_3.1",
    7: "feat_3.2",
    9: "feat_4.0",
    10: "feat_4.1",
    11: "feat_4.2",
    12: "feat_4.3",
}
"""SqueezeNet's layers by their indices in torchvision's."""

NETWORK: Names = [
    (r"^pyramid\.branches\.(\d)\.conv\.", r"psp.stages.\1.1."),
    (r"^mix\.", "psp.bottleneck."),
    (r"^steps\.(\d)\.(conv|norm|relu)\.", lambda m: f"up_{int(m[1]) + 1}.conv.{STEP[m[2]]}."),
    (r"^classifier\.", "final.0."),
    (r"^image_head\.hidden\.", "classifier.0."),
    (r"^image_head\.classifier\.", "classifier.2."),
]

RESNET: Names = [(r"^backbone\.body\.", "feats.")]

SQUEEZENET: Names = [
    (r"^backbone\.body\.features\.(\d+)\.", lambda m: f"feats.{FEATURES[int(m[1])]}."),
]

DENSENET: Names = [
    (r"^backbone\.body\.features\.(conv0|norm0)\.", r"feats.start_features.\1."),
    (r"^backbone\.body\.features\.(denseblock\d\.denselayer\d+)\.(norm|conv)(\d)\.", r"feats.\1.\2.\3."),
    (r"^backbone\.body\.features\.(transition\d)\.", r"feats.\1."),
]

TWICE = (r"^feats\.blocks\.", "the same tensors again, which it also keeps as denseblockN and transitionN")


def recognise(shapes: Shapes) -> Recognition | None:
    """Recognise a pyramid of bare convolutions under psp, three upsampling steps and a classifier of the picture."""
    mix, hidden, classes = (
        shapes.get(key) for key in ("psp.bottleneck.weight", "classifier.0.weight", "final.0.weight")
    )
    grids = [key for key in shapes if re.fullmatch(r"psp\.stages\.\d+\.1\.weight", key)]
    if mix is None or hidden is None or classes is None or not grids or "up_3.conv.2.weight" not in shapes:
        return None
    if len(grids) != 4:
        raise UserError(f"its pyramid has {len(grids)} grids, whose sizes the file doesn't say; four are 1, 2, 3, 6")
    settings, names, why = _backbone(shapes)
    return Recognition(
        backbone=settings,
        network=NetworkSettings(
            architecture="pspnet_multilabel",
            channels=mix[0],
            branch="linear",
            branch_channels=shapes[grids[0]][0],
            aux_channels=narrower(hidden[0], IMAGE_CHANNELS),
            dropout=0.3,
            align_corners=True,
        ),
        num_classes=classes[0],
        names=[*names, *NETWORK],
        why=(why, "psp.bottleneck, up_1 to up_3 and a classifier: the multi-label PSPNet"),
        dropped=(TWICE,) if settings.name.startswith("densenet") else (),
    )


def _backbone(shapes: Shapes) -> tuple[BackboneSettings, Names, str]:
    if stem_letter(shapes, "feats.conv1.weight", ""):
        found = find_resnet(shapes, lambda number: f"feats.layer{number}.")
        return BackboneSettings(found.timm(), dilation="none"), RESNET, found.why
    if "feats.feat_4.3.expand3x3.weight" in shapes:
        return BackboneSettings("squeezenet1_1_stride8"), SQUEEZENET, "feat_1 to feat_4 of fire modules: SqueezeNet 1.1"
    last = [f"feats.denseblock{block}.denselayer{layers}." for block, layers in enumerate((6, 12, 24, 16), 1)]
    if all(f"{prefix}conv.2.weight" in shapes for prefix in last):
        return BackboneSettings("densenet121_stride8"), DENSENET, "dense blocks of 6, 12, 24 and 16: DenseNet-121"
    raise UserError("feats is none of this family's backbones: ResNet, SqueezeNet 1.1 or DenseNet-121")


def adapt(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Reorder the convolution over the pyramid, map first, and check that tensors that a file holds twice agree."""
    for key, value in tensors.items():
        if found := re.match(r"feats\.blocks\.(\d+)\.", key):
            place = int(found[1])
            twin = f"feats.{('denseblock', 'transition')[place % 2]}{place // 2 + 1}.{key[found.end() :]}"
            if twin not in tensors or not torch.equal(tensors[twin], value):
                raise UserError(f"'{key}' and '{twin}' must be equal: a DenseNet of this family keeps its blocks twice")
    mix = tensors["psp.bottleneck.weight"]
    return tensors | {"psp.bottleneck.weight": mix.roll(tensors["psp.stages.0.1.weight"].shape[1], dims=1)}


FAMILY = Family("the multi-label PSPNet of Lextal/pspnet-pytorch", recognise, adapt)
