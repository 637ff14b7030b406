"""PSPNet, UPerNet and FCN of MMSegmentation with ResNets (github.com/open-mmlab/mmsegmentation, 0.x and 1.x)."""

from dataclasses import replace

from sceneparse.errors import UserError
from sceneparse.networks.heads import auxiliary_channels
from sceneparse.settings import BackboneSettings, NetworkSettings, ProtocolSettings
from sceneparse.weights.importing.family import Family, Names, Recognition, Shapes, layer
from sceneparse.weights.importing.resnets import count_blocks, find_resnet, narrower, stem_letter

PSP = "decode_head.psp_modules"
STEMS: dict[str, Names] = {
    "": [(r"^backbone\.body\.", "backbone.")],
    "deep": [
        (r"^backbone\.body\.conv1\.", "backbone.stem."),
        (r"^backbone\.body\.bn1\.", "backbone.stem.7."),
        (r"^backbone\.body\.", "backbone."),
    ],
}


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


def recognise(shapes: Shapes) -> Recognition | None:
    """Recognise an encoder-decoder with decode_head.conv_seg and a ResNet under backbone."""
    stem = _stem(shapes)
    classifier = shapes.get("decode_head.conv_seg.weight", ())
    if len(classifier) != 4 or stem is None:
        return None
    letter, why_stem = stem
    head = _head(shapes)
    if head is None:
        return None
    network, names, why = head
    resnet = find_resnet(shapes, lambda number: f"backbone.layer{number}.")
    aux = shapes.get("auxiliary_head.convs.0.conv.weight")
    classes = classifier[0]
    # PSPNet and FCN have output stride 8 in nearly every configuration; keys don't tell.
    dilated = network.stride < 32
    stride_words = "output stride 8, dilated by half" if dilated else "strides 4 to 32"
    return Recognition(
        backbone=BackboneSettings(
            resnet.timm(letter),
            dilation="half" if dilated else "first",
            shortcut_pool="none" if letter == "d" and dilated else "own",
        ),
        network=replace(
            network,
            channels=classifier[1],
            aux=aux is not None,
            aux_channels=None if aux is None else narrower(aux[0], auxiliary_channels(aux[1])),
            align_corners=False,
        ),
        num_classes=classes,
        names=[*STEMS["deep" if letter else ""], *names],
        why=(why, f"{resnet.why}, {why_stem}", f"mmsegmentation's configurations: {stride_words}, corners not aligned"),
        # Its Cityscapes configurations test whole pictures at their own size.
        protocol=ProtocolSettings("whole" if classes == 19 else "mmseg"),
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


def _head(shapes: Shapes) -> tuple[NetworkSettings, Names, str] | None:
    """Return the kind of decode head: its settings, names, and the reason."""
    pyramid = count_blocks(shapes, f"{PSP}.")
    if pyramid not in (0, 4):
        raise UserError(f"its pyramid has {pyramid} grids; only four (1, 2, 3, 6) are known")
    if "decode_head.fpn_bottleneck.conv.weight" in shapes:
        channels = shapes["decode_head.fpn_bottleneck.conv.weight"][0]
        network = NetworkSettings(
            architecture="upernet", branch_channels=narrower(shapes[f"{PSP}.0.1.conv.weight"][0], channels)
        )
        return network, UPERNET, "pyramid in psp_modules under an FPN: mmsegmentation's UPerNet"
    if pyramid:
        width, branch = shapes[f"{PSP}.0.1.conv.weight"][1], shapes[f"{PSP}.0.1.conv.weight"][0]
        network = NetworkSettings(architecture="pspnet", branch_channels=narrower(branch, width // pyramid))
        return network, PSPNET, "pyramid in psp_modules and no FPN: mmsegmentation's PSPNet"
    convolutions = count_blocks(shapes, "decode_head.convs.")
    others = {key.split(".")[1] for key in shapes if key.startswith("decode_head.")} - {"convs", "conv_cat", "conv_seg"}
    if convolutions and not others:
        concat = "decode_head.conv_cat.conv.weight" in shapes
        network = NetworkSettings(architecture="fcn", convolutions=convolutions, concat_input=concat)
        behind = ", then one over both" if concat else ""
        return network, _fcn(convolutions, concat), f"{convolutions} 3×3 convolutions{behind}: mmsegmentation's FCN"
    return None


def _fcn(convolutions: int, concat: bool) -> Names:
    last = "decode_head.conv_cat" if concat else f"decode_head.convs.{convolutions - 1}"
    return [*module(r"layers\.(\d+)", r"decode_head.convs.\1"), *module(r"head\.layer", last), *CLASSIFIERS]


FAMILY = Family("PSPNet, UPerNet and FCN of MMSegmentation, with ResNets", recognise)
