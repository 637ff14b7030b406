"""PSPNet and UPerNet of segmentation_models_pytorch (version 0.6); `smp_timm` has timm's encoders."""

from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.importing.families.smp_timm import KEYS, Unnamed, has_timm_encoder, refine, unnamed
from sceneparse.weights.importing.families.transformers_convnext import convnext_named
from sceneparse.weights.importing.family import Family, Names, Recognition, Shapes, head, layer
from sceneparse.weights.importing.mobilenets import is_mobilenetv2, mobilenetv2
from sceneparse.weights.importing.resnets import count_blocks, find_resnet, stem_letter

PSPNET: Names = [
    *layer(r"pyramid\.branches\.(\d)", r"decoder.psp.blocks.\1.pool.1.0.", r"decoder.psp.blocks.\1.pool.1.1."),
    *head("head", "decoder.conv.0.", "decoder.conv.1.", "segmentation_head.0."),
]


def _level(place: str, theirs: str, inner: str) -> Names:
    """Return the names of the three lower levels, which are numbered from the coarsest."""
    return [
        entry
        for index in range(3)
        for entry in layer(
            rf"{place}\.{index}", f"decoder.{theirs}.{2 - index}.{inner}0.", f"decoder.{theirs}.{2 - index}.{inner}1."
        )
    ]


UPERNET: Names = [
    (r"^norms\.(\d)\.", r"decoder.feature_norms.\1."),
    *layer(r"pyramid\.branches\.(\d)", r"decoder.psp.blocks.\1.1.0.", r"decoder.psp.blocks.\1.1.1."),
    *layer("top", "decoder.psp.out_conv.0.", "decoder.psp.out_conv.1."),
    *_level("laterals", "fpn_lateral_blocks", "conv_norm_relu."),
    *_level("levels", "fpn_conv_blocks", ""),
    *head("head", "decoder.fusion_block.0.", "decoder.fusion_block.1.", "segmentation_head.0."),
]

TIMM: Names = [(r"^backbone\.body\.", KEYS)]
"""Names of encoders that begin with tu-: timm's own, one level deeper."""

IMAGE_HEAD = (r"^classification_head\.", "the classifier of the whole picture, which a user may add")

MOBILENETV2 = {32: (2, "7|8|9|10|11|12|13|14|15|16|17|18"), 96: (3, "14|15|16|17|18")}
"""Of MobileNetV2, by the pyramid's width: the stage that it stands on, and the features behind that."""


def recognise_pspnet(shapes: Shapes) -> Recognition | None:
    """Recognise a ResNet or MobileNetV2 under encoder, a pyramid under decoder.psp and a 3×3 classifier."""
    mix, classes = shapes.get("decoder.conv.0.weight"), shapes.get("segmentation_head.0.weight")
    if mix is None or classes is None or "decoder.psp.blocks.0.pool.1.0.weight" not in shapes:
        return None
    if "decoder.psp.blocks.1.pool.1.1.running_mean" not in shapes:
        raise UserError(
            "its decoder has no batch norm (decoder_use_norm); only the one with batch norm can be imported"
        )
    width = mix[1] // 2
    if timm := has_timm_encoder(shapes):
        # Which stage it is follows from the depth, in config.json.
        backbone, stage, names, why = unnamed(), 2, TIMM, "an encoder of timm's"
        dropped: tuple[tuple[str, str], ...] = ()
    else:
        backbone, stage, names, behind, why = _encoder(shapes, width)
        dropped = ((behind, f"the encoder's end, behind stage {stage}, on which the pyramid stands"),)
        why = f"{why}; the pyramid under decoder.psp takes {width} channels: it stands on stage {stage}"
    return Recognition(
        backbone=backbone,
        network=NetworkSettings(
            output_stride={2: 8, 3: 16, 4: 32}[stage],  # type: ignore[arg-type]
            stages=stage,  # type: ignore[arg-type]
            channels=mix[0],
            branch="norm_but_one",
            kernel=1,
            classifier_kernel=3,
            aux=False,
            dropout=0.2,
            align_corners=True,
        ),
        num_classes=classes[0],
        names=[*names, *PSPNET],
        why=(
            why,
            "segmentation_models_pytorch mixes by a 1×1 convolution, classifies by a 3×3 one and aligns corners",
        ),
        dropped=(IMAGE_HEAD, *dropped),
        found=Unnamed(f"a PSPNet over {width} channels of {why}", by_depth=True) if timm else None,
    )


def _encoder(shapes: Shapes, width: int) -> tuple[BackboneSettings, int, Names, str, str]:
    """Return the backbone, the stage of this width, its names, a pattern of what is behind that, and the reason."""
    if stem_letter(shapes, "encoder.conv1.weight", "") == ("", "one 7×7 convolution as stem"):
        resnet = find_resnet(shapes, lambda number: f"encoder.layer{number}.")
        first = 256 if resnet.bottleneck else 64
        stage = {2 * first: 2, 4 * first: 3, 8 * first: 4}.get(width)
        names: Names = [(r"^backbone\.body\.", "encoder.")]
        if stage is not None:
            behind = rf"^encoder\.layer[{stage + 1}-5]\."
            return BackboneSettings(resnet.timm()), stage, names, behind, resnet.why
    elif is_mobilenetv2(shapes, "encoder.", flat=False) and width in MOBILENETV2:
        stage, features = MOBILENETV2[width]
        why = "features.0 to features.17 under encoder: MobileNetV2"
        names = mobilenetv2("encoder.", flat=False)
        return BackboneSettings("mobilenetv2_100"), stage, names, rf"^encoder\.features\.({features})\.", why
    raise UserError(
        f"a PSPNet over {width} channels of an encoder that is not supported: ResNet-18 to 152 from stage 2 on, and "
        "MobileNetV2 at depth 3 or 4, can be imported"
    )


def adapt_pspnet(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Reorder the convolution over the pyramid, which takes the map last; here the map comes first."""
    mix = tensors["decoder.conv.0.weight"]
    return tensors | {"decoder.conv.0.weight": mix.roll(mix.shape[1] // 2, dims=1)}


PSPNET_FAMILY = Family("PSPNet of segmentation_models_pytorch", recognise_pspnet, adapt_pspnet, refine=refine)


def recognise_upernet(shapes: Shapes) -> Recognition | None:
    """Recognise a ResNet or a ConvNeXt under encoder; normalised features, a pyramid and an FPN under decoder."""
    fusion, classes = shapes.get("decoder.fusion_block.0.weight"), shapes.get("segmentation_head.0.weight")
    if fusion is None or classes is None or "decoder.psp.out_conv.0.weight" not in shapes:
        return None
    if "decoder.psp.blocks.0.1.1.running_mean" not in shapes:
        raise UserError(
            "its decoder has no batch norm (decoder_use_norm); only the one with batch norm can be imported"
        )
    if (levels := count_blocks(shapes, "decoder.feature_norms.")) != 4:
        raise UserError(f"its decoder takes {levels} features; only the usual four (encoder_depth 5) can be imported")
    width = shapes["decoder.psp.out_conv.0.weight"][1] - 4 * fusion[0]
    backbone, names, why = _whole_encoder(shapes, width)
    return Recognition(
        backbone=backbone,
        network=NetworkSettings(
            architecture="upernet",
            channels=fusion[0],
            feature_norm=True,
            aux=False,
            dropout=0.0,
            align_corners=False,
            align_logits=True,
        ),
        num_classes=classes[0],
        names=[*names, *UPERNET],
        why=(
            "feature_norms, psp and fusion_block under decoder: UPerNet of segmentation_models_pytorch",
            why,
            "segmentation_models_pytorch normalises features over channels and aligns corners of the logits alone",
        ),
        dropped=(IMAGE_HEAD,),
        found=Unnamed(f"a UPerNet over {width} channels of {why}") if backbone == unnamed() else None,
    )


def _whole_encoder(shapes: Shapes, width: int) -> tuple[BackboneSettings, Names, str]:
    """Return the backbone whose last stage has this width, its names, and the reason."""
    try:
        known = _known_encoder(shapes)
    except UserError:
        # Of a size that keys do not name; config.json may.
        if not has_timm_encoder(shapes):
            raise
        known = None
    if known is not None:
        return known
    if has_timm_encoder(shapes):
        return unnamed(), TIMM, "an encoder of timm's"
    raise UserError(
        f"a UPerNet over {width} channels of an encoder that is not supported; ResNet-18 to 152 and timm's (tu-…) are"
    )


def _known_encoder(shapes: Shapes) -> tuple[BackboneSettings, Names, str] | None:
    """Return an encoder that keys and shapes name; None if they name none."""
    for prefix in ("encoder.", KEYS):
        plain = stem_letter(shapes, f"{prefix}conv1.weight", "")
        stem = plain or stem_letter(shapes, f"{prefix}conv1.0.weight", f"{prefix}conv1.6.weight")
        if stem is not None:
            resnet = find_resnet(shapes, lambda number, prefix=prefix: f"{prefix}layer{number}.")  # type: ignore[misc]
            pooled = f"{prefix}layer2.0.downsample.2.weight" in shapes
            name = resnet.timm("d" if pooled and stem[0] == "c" else stem[0])
            return BackboneSettings(name), [(r"^backbone\.body\.", prefix)], f"{resnet.why}, {stem[1]}"
    if f"{KEYS}stages_0.blocks.0.conv_dw.weight" in shapes:
        name, shown = convnext_named(shapes, f"{KEYS}stages_{{}}.blocks.", "0.conv_dw.weight")
        return BackboneSettings(name), TIMM, f"stages of {shown}: {name}"
    return None


UPERNET_FAMILY = Family("UPerNet of segmentation_models_pytorch", recognise_upernet, refine=refine)
