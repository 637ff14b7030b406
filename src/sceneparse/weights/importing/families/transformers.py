"""UperNet of Hugging Face transformers (UperNetForSemanticSegmentation), with a ResNet as backbone."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sceneparse.errors import UserError
from sceneparse.networks.heads import auxiliary_channels
from sceneparse.settings import BackboneSettings, NetworkSettings, ProtocolSettings
from sceneparse.weights.importing.families.transformers_config import backbone_config, refining
from sceneparse.weights.importing.family import Family, Names, Recognition, Shapes, layer
from sceneparse.weights.importing.resnets import count_blocks, find_resnet, narrower, stem_letter

STEM = "backbone.embedder.embedder.convolution.weight"
PSP = "decode_head.psp_modules"
PARTS = {"conv": "convolution", "bn": "normalization", "0": "convolution", "1": "normalization"}


def module(ours: str, theirs: str) -> Names:
    """Return the names of a UperNetConvModule."""
    return layer(ours, f"{theirs}.conv.", f"{theirs}.batch_norm.")


def _block(found: re.Match[str]) -> str:
    stage, block, part, number = found.groups()
    return f"backbone.encoder.stages.{int(stage) - 1}.layers.{block}.layer.{int(number) - 1}.{PARTS[part]}."


def _shortcut(found: re.Match[str]) -> str:
    stage, block, part = found.groups()
    return f"backbone.encoder.stages.{int(stage) - 1}.layers.{block}.shortcut.{PARTS[part]}."


DECODER: Names = [
    *module(r"pyramid\.branches\.(\d+)", rf"{PSP}.\1.1"),
    *module("top", "decode_head.bottleneck"),
    *module(r"laterals\.(\d)", r"decode_head.lateral_convs.\1"),
    *module(r"levels\.(\d)", r"decode_head.fpn_convs.\1"),
    *module(r"head\.layer", "decode_head.fpn_bottleneck"),
    *module(r"aux_head\.layer", "auxiliary_head.convs.0"),
    (r"^head\.classifier\.", "decode_head.classifier."),
    (r"^aux_head\.classifier\.", "auxiliary_head.classifier."),
]
NAMES: Names = [
    (r"^backbone\.body\.conv1\.", "backbone.embedder.embedder.convolution."),
    (r"^backbone\.body\.bn1\.", "backbone.embedder.embedder.normalization."),
    (r"^backbone\.body\.layer(\d)\.(\d+)\.(conv|bn)(\d)\.", _block),
    (r"^backbone\.body\.layer(\d)\.(\d+)\.downsample\.(\d)\.", _shortcut),
    *DECODER,
]


def decoder(shapes: Shapes) -> tuple[NetworkSettings, int] | None:
    """Return the network's settings over any backbone, and the number of classes; None if it is not transformers'.

    Raises:
        UserError: It is, but with a pyramid or an auxiliary head that cannot be imported.
    """
    classifier = shapes.get("decode_head.classifier.weight", ())
    fusion = shapes.get("decode_head.fpn_bottleneck.conv.weight", ())
    first = shapes.get(f"{PSP}.0.1.conv.weight", ())
    if len(classifier) != 4 or len(fusion) != 4 or len(first) != 4:
        return None
    if (pyramid := count_blocks(shapes, f"{PSP}.")) != 4:
        raise UserError(f"its pyramid has {pyramid} grids; only four (1, 2, 3, 6) are known")
    aux = shapes.get("auxiliary_head.convs.0.conv.weight")
    network = NetworkSettings(
        architecture="upernet",
        channels=fusion[0],
        branch_channels=narrower(first[0], fusion[0]),
        aux=aux is not None,
        aux_channels=None if aux is None else narrower(aux[0], auxiliary_channels(aux[1])),
        dropout=0.0,
        align_corners=False,
    )
    return network, classifier[0]


WHY = (
    "decode_head.fpn_bottleneck with batch_norm, and a classifier: UperNet of transformers",
    "transformers does not align corners",
)
PROTOCOL = ProtocolSettings("mmseg")


def recognise(shapes: Shapes) -> Recognition | None:
    """Recognise the names of transformers' UperNet over those of its ResNet."""
    if STEM not in shapes or (found := decoder(shapes)) is None:
        return None
    if stem_letter(shapes, STEM, "") is None:
        width, _, *kernel = shapes[STEM]
        raise UserError(
            f"its ResNet begins with a {'×'.join(map(str, kernel))} convolution of {width} channels; one of 7×7 with "
            "64 can be imported"
        )
    resnet = find_resnet(
        shapes, lambda number: f"backbone.encoder.stages.{number - 1}.layers.", "layer.2.convolution.weight"
    )
    network, classes = found
    return Recognition(
        backbone=BackboneSettings(resnet.timm()),
        network=network,
        num_classes=classes,
        names=NAMES,
        why=(resnet.why, *WHY),
        protocol=PROTOCOL,
    )


def refine(found: Recognition, meta: Mapping[str, Any], file: str) -> Recognition:
    """Take from config.json where a bottleneck halves the picture, and the grids of the pyramid."""
    found = refining({"hidden_act": ("relu",), "downsample_in_first_stage": (False,)})(found, meta, file)
    backbone = backbone_config(meta) or {}
    # Basic blocks have no such convolution, and ignore it.
    if backbone.get("downsample_in_bottleneck") is not True or backbone.get("layer_type") == "basic":
        return found
    why = "config.json: a bottleneck's first convolution halves the picture"
    return replace(found, backbone=replace(found.backbone, stride_on="1x1"), why=(*found.why, why))


FAMILY = Family("UperNet of Hugging Face transformers, with a ResNet", recognise, refine=refine)
