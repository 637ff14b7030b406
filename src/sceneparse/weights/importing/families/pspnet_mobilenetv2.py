"""A PSPNet on MobileNetV2 or ResNet-50 that is found in several PyTorch tutorials: keys begin with `psp_layer`."""

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.importing.family import Family, Names, OpenSetting, Recognition, Shapes, head, layer
from sceneparse.weights.importing.mobilenets import is_mobilenetv2, mobilenetv2
from sceneparse.weights.importing.resnets import find_resnet, narrower, stem_letter

NETWORK: Names = [
    *layer(r"pyramid\.branches\.(\d)", r"psp_layer.0.stages.\1.1.", r"psp_layer.0.stages.\1.2."),
    *head("head", "psp_layer.0.bottleneck.0.", "psp_layer.0.bottleneck.1.", "psp_layer.1."),
]

DROPPED = (
    (r"^backbone\.features\.18\.", "the layer behind the features that the pyramid takes"),
    (r"^backbone\.(fc|classifier)\.", "the classifier of the pretrained backbone"),
)


def recognise(shapes: Shapes) -> Recognition | None:
    """Recognise a pyramid and its 3×3 convolution under psp_layer.0, and a classifier under psp_layer.1."""
    bottleneck, classes = shapes.get("psp_layer.0.bottleneck.0.weight"), shapes.get("psp_layer.1.weight")
    stages = [key for key in shapes if key.startswith("psp_layer.0.stages.") and key.endswith(".1.weight")]
    if bottleneck is None or classes is None or not stages:
        return None
    if len(stages) != 4:
        raise UserError(f"its pyramid has {len(stages)} grids, whose sizes the file doesn't say; four are 1, 2, 3, 6")
    names: Names
    if is_mobilenetv2(shapes, "backbone.", flat=True):
        backbone = BackboneSettings("mobilenetv2_100", dilation="half", stem_activation="relu")
        names, why = mobilenetv2("backbone.", flat=True), "features.0 to features.17: MobileNetV2"
    elif stem_letter(shapes, "backbone.conv1.weight", "backbone.conv3.weight") == ("", "one 7×7 convolution as stem"):
        found = find_resnet(shapes, lambda number: f"backbone.layer{number}.")
        backbone = BackboneSettings(found.timm(), dilation="none")
        names, why = [(r"^backbone\.body\.", "backbone.")], found.why
    else:
        raise UserError("its backbone is neither a MobileNetV2 nor a ResNet with a 7x7 stem, the two of this family")
    return Recognition(
        backbone=backbone,
        network=NetworkSettings(
            channels=bottleneck[0],
            branch_channels=narrower(shapes[stages[0]][0], shapes[stages[0]][1] // 4),
            aux=False,
            align_corners=True,
        ),
        num_classes=classes[0],
        names=[*names, *NETWORK],
        why=(why, "psp_layer with a 3x3 convolution behind the pyramid, no auxiliary head"),
        dropped=DROPPED,
        open=(_open_stride(),),
    )


def _open_stride() -> OpenSetting:
    return OpenSetting(
        "network.output_stride",
        f"taken as 8; if yours was trained with downsample_factor=16, give {argument('network.output_stride', 16)}",
    )


FAMILY = Family("the PSPNet on MobileNetV2 whose keys begin with psp_layer", recognise)
