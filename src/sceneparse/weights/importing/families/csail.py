"""CSAIL's encoder and decoder pairs (github.com/CSAILVision/semantic-segmentation-pytorch, mit_semseg/models)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.networks.heads import auxiliary_channels
from sceneparse.settings import BackboneSettings, NetworkSettings, PreprocessingSettings, ProtocolSettings
from sceneparse.weights.importing.family import Family, Names, OpenSetting, Recognition, Shapes, head, layer
from sceneparse.weights.importing.folders import FOLDER, PAIRS_CONFIG
from sceneparse.weights.importing.mobilenets import is_mobilenetv2, mobilenetv2
from sceneparse.weights.importing.resnets import count_blocks, find_resnet, narrower, stem_letter

PROTOCOL = ProtocolSettings("csail")

NORM_MOMENTUM = 0.001
"""Of the batch norms of CSAIL's releases, in training."""

DROPPED = (
    (r"\.(_tmp_running_mean|_tmp_running_var|_running_iter)$", "a counter of its synchronised batch norm"),
    (r"^encoder\.fc\.", "the classifier of ImageNet"),
)

RESNET: Names = [
    (r"^backbone\.body\.conv1\.0\.", "encoder.conv1."),
    (r"^backbone\.body\.conv1\.1\.", "encoder.bn1."),
    (r"^backbone\.body\.conv1\.3\.", "encoder.conv2."),
    (r"^backbone\.body\.conv1\.4\.", "encoder.bn2."),
    (r"^backbone\.body\.conv1\.6\.", "encoder.conv3."),
    (r"^backbone\.body\.bn1\.", "encoder.bn3."),
    (r"^backbone\.body\.", "encoder."),
]
"""timm's deep stem is one sequence; here its layers have names."""

DEEP_SUPERVISION: Names = head(
    "aux_head", "decoder.cbr_deepsup.0.", "decoder.cbr_deepsup.1.", "decoder.conv_last_deepsup."
)
PPM: Names = [
    *layer(r"pyramid\.branches\.(\d+)", r"decoder.ppm.\1.1.", r"decoder.ppm.\1.2."),
    *head("head", "decoder.conv_last.0.", "decoder.conv_last.1.", "decoder.conv_last.4."),
    *DEEP_SUPERVISION,
]
C1: Names = [*head("head", "decoder.cbr.0.", "decoder.cbr.1.", "decoder.conv_last."), *DEEP_SUPERVISION]
UPERNET: Names = [
    *layer(r"pyramid\.branches\.(\d+)", r"decoder.ppm_conv.\1.0.", r"decoder.ppm_conv.\1.1."),
    *layer("top", "decoder.ppm_last_conv.0.", "decoder.ppm_last_conv.1."),
    *layer(r"laterals\.(\d)", r"decoder.fpn_in.\1.0.", r"decoder.fpn_in.\1.1."),
    *layer(r"levels\.(\d)", r"decoder.fpn_out.\1.0.0.", r"decoder.fpn_out.\1.0.1."),
    *head("head", "decoder.conv_last.0.0.", "decoder.conv_last.0.1.", "decoder.conv_last.1."),
]


@dataclass(frozen=True)
class Decoder:
    """The decoder behind the encoder: its settings, its names and how it was recognised."""

    network: NetworkSettings
    num_classes: int
    names: Names
    why: str


def recognise(shapes: Shapes) -> Recognition | None:
    """Recognise a pair: a ResNet with a deep stem or MobileNetV2 under encoder, and a decoder under decoder."""
    decoder = _decoder(shapes)
    if decoder is None:
        return None
    encoder = _encoder(shapes)
    if encoder is None:
        raise UserError("its encoder is neither a ResNet with a deep stem nor MobileNetV2 (HRNet cannot be imported)")
    backbone, names, why = encoder
    dilated = decoder.network.stride < 32
    if not dilated:
        backbone = replace(backbone, dilation="first")
    if not decoder.network.aux:  # the end of stage 3 differs, which nothing else stands on
        backbone = replace(backbone, stage3_end="own")
    return Recognition(
        backbone=backbone,
        network=decoder.network,
        num_classes=decoder.num_classes,
        names=[*names, *decoder.names],
        why=(
            decoder.why,
            why,
            "output stride 8, dilated by half; corners not aligned"
            if dilated
            else "strides 4 to 32; pooled maps are resized before they are reduced; corners not aligned",
        ),
        preprocessing=PreprocessingSettings(),
        protocol=PROTOCOL,
        dropped=DROPPED,
    )


def _encoder(shapes: Shapes) -> tuple[BackboneSettings, Names, str] | None:
    stem = stem_letter(shapes, "encoder.conv1.weight", "encoder.conv3.weight")
    if stem is not None and stem[0] == "s":
        resnet = find_resnet(shapes, lambda number: f"encoder.layer{number}.")
        return BackboneSettings(resnet.timm("s"), dilation="half"), RESNET, f"{resnet.why}, {stem[1]}"
    if is_mobilenetv2(shapes, "encoder.", flat=True):
        settings = BackboneSettings("mobilenetv2_100", dilation="half", stage3_end="next_block")
        return settings, mobilenetv2("encoder.", flat=True), "features.0 to features.17 under encoder: MobileNetV2"
    return None


def _decoder(shapes: Shapes) -> Decoder | None:
    if "decoder.ppm_last_conv.0.weight" in shapes and "decoder.conv_last.1.weight" in shapes:
        return _upernet(shapes)
    aux = shapes.get("decoder.cbr_deepsup.0.weight")
    network = NetworkSettings(
        aux=aux is not None,
        aux_channels=None if aux is None else narrower(aux[0], auxiliary_channels(aux[1])),
        norm_momentum=NORM_MOMENTUM,
        align_corners=False,
    )
    suffix = "" if aux is None else "_deepsup"
    if "decoder.ppm.0.1.weight" in shapes and "decoder.conv_last.4.weight" in shapes:
        if (grids := count_blocks(shapes, "decoder.ppm.")) != 4:
            raise UserError(f"its pyramid has {grids} grids; only the release's four (1, 2, 3, 6) are known")
        branch, width = shapes["decoder.ppm.0.1.weight"][:2]
        classes, channels = shapes["decoder.conv_last.4.weight"][:2]
        network = replace(
            network, architecture="pspnet", channels=channels, branch_channels=narrower(branch, width // grids)
        )
        return Decoder(network, classes, PPM, f"pyramid in decoder.ppm: CSAIL's ppm{suffix}")
    if "decoder.cbr.0.weight" in shapes and "decoder.conv_last.weight" in shapes:
        classes, channels = shapes["decoder.conv_last.weight"][:2]
        network = replace(network, architecture="fcn", channels=channels, dropout=0.0)
        return Decoder(network, classes, C1, f"one convolution in decoder.cbr: CSAIL's c1{suffix}")
    return None


def _upernet(shapes: Shapes) -> Decoder:
    classes, channels = shapes["decoder.conv_last.1.weight"][:2]
    if (grids := count_blocks(shapes, "decoder.ppm_conv.")) != 4:
        raise UserError(f"its pyramid has {grids} grids; only the release's four (1, 2, 3, 6) are known")
    network = NetworkSettings(
        architecture="upernet",
        channels=channels,
        branch_channels=narrower(shapes["decoder.ppm_conv.0.0.weight"][0], channels),
        resize_first=True,
        aux=False,
        dropout=0.0,
        norm_momentum=NORM_MOMENTUM,
        align_corners=False,
    )
    return Decoder(network, classes, UPERNET, f"pyramid in ppm_conv under an FPN {channels} wide: CSAIL's UPerNet")


MEAN_BGR = (102.9801, 115.9465, 122.7717)
"""What the older releases, and unifiedparsing, take from pixels in 0..255; nothing divides them."""


def bgr_preprocessing() -> PreprocessingSettings:
    """Return the preprocessing of networks that took BGR in 0..255, with their stem turned by `stem_to_rgb`."""
    return PreprocessingSettings(
        mean=tuple(value / 255 for value in reversed(MEAN_BGR)), std=(1 / 255, 1 / 255, 1 / 255)
    )


def stem_to_rgb(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Turn the first convolution, which takes BGR, to RGB."""
    first = "encoder.features.0.0.weight" if "encoder.features.0.0.weight" in state else "encoder.conv1.weight"
    return state | {first: state[first].flip(1)}


def refine(found: Recognition, meta: Mapping[str, Any], file: str) -> Recognition:  # noqa: ARG001 - the form
    """Take from config.yaml, or from the name of the pair's folder, whether the encoder is dilated.

    Raises:
        UserError: config.yaml is of another encoder, or of a dilated one under UPerNet.
    """
    config = meta.get(PAIRS_CONFIG)
    model = config.get("MODEL") if isinstance(config, Mapping) else None
    named = model.get("arch_encoder") if isinstance(model, Mapping) else None
    pyramid = found.network.architecture == "upernet"
    if not isinstance(named, str):
        told = pyramid or "dilated" in str(meta.get(FOLDER))
        return found if told else replace(found, open=(_open_stride(),))
    encoder = named.lower().removesuffix("dilated")
    dilated = encoder != named.lower()
    if not found.backbone.name.startswith(encoder):
        raise UserError(f"its config.yaml has the encoder {named}, but its keys are those of {found.backbone.name}")
    if pyramid and dilated:
        raise UserError(f"its config.yaml has the dilated encoder {named} under UPerNet, which cannot be built")
    if pyramid or dilated:
        return replace(found, why=(*found.why, f"config.yaml: {named}"))
    return replace(
        found,
        backbone=replace(found.backbone, dilation="first"),
        network=replace(found.network, output_stride=32),
        why=(*found.why[:2], f"config.yaml: {named}, so output stride 32; corners not aligned", *found.why[3:]),
    )


def _open_stride() -> OpenSetting:
    return OpenSetting(
        "network.output_stride",
        "taken as 8, which encoders have whose names end in 'dilated'; those of other names (arch_encoder in their "
        f"config.yaml) have {argument('network.output_stride', 32)}",
    )


def recognise_baseline(shapes: Shapes) -> Recognition | None:
    """Recognise a pair from before version 2.0 (August 2019): the same keys, but BGR in 0..255."""
    found = recognise(shapes)
    if found is None:
        return None
    why = (*found.why, "csail-baseline, as it or its folder is named: it took BGR in 0..255, which no key tells")
    return replace(found, preprocessing=bgr_preprocessing(), why=why)


BASELINE = Family(
    "the same from before August 2019 (version 2.0; files named baseline-…), which took BGR",
    recognise_baseline,
    stem_to_rgb,
    asked_only=True,
    refine=refine,
    folder="baseline-",
)
FAMILY = Family("encoder and decoder pairs of CSAIL's semantic-segmentation-pytorch", recognise, refine=refine)
