"""FCN of torchvision (torchvision.models.segmentation.fcn_resnet50, fcn_resnet101)."""

from sceneparse.networks.heads import auxiliary_channels
from sceneparse.settings import BackboneSettings, NetworkSettings, ProtocolSettings
from sceneparse.weights.importing.family import Family, Names, Recognition, Shapes, head
from sceneparse.weights.importing.resnets import find_resnet, narrower, stem_letter

NAMES: Names = [
    (r"^backbone\.body\.", "backbone."),
    *head("head", "classifier.0.", "classifier.1.", "classifier.4."),
    *head("aux_head", "aux_classifier.0.", "aux_classifier.1.", "aux_classifier.4."),
]


def recognise(shapes: Shapes) -> Recognition | None:
    """Recognise a ResNet under backbone and an FCN head under classifier."""
    stem = stem_letter(shapes, "backbone.conv1.weight", "")
    convolution, last = shapes.get("classifier.0.weight", ()), shapes.get("classifier.4.weight", ())
    if stem is None or len(convolution) != 4 or convolution[2:] != (3, 3) or len(last) != 4:
        return None
    resnet = find_resnet(shapes, lambda number: f"backbone.layer{number}.")
    aux = shapes.get("aux_classifier.0.weight")
    return Recognition(
        backbone=BackboneSettings(resnet.timm(), dilation="half"),
        network=NetworkSettings(
            architecture="fcn",
            channels=convolution[0],
            aux=aux is not None,
            aux_channels=None if aux is None else narrower(aux[0], auxiliary_channels(aux[1])),
            align_corners=False,
        ),
        num_classes=last[0],
        names=NAMES,
        why=(
            "a 3×3 convolution, batch norm and classifier under classifier: torchvision's FCN",
            resnet.why,
            "torchvision dilates by half the convolution that gave up its stride and does not align corners",
        ),
        protocol=ProtocolSettings("whole", resize="short", size=520),
    )


FAMILY = Family("FCN of torchvision", recognise)
