"""DeepLabV3 of torchvision, on ResNets."""

from sceneparse.networks.heads import auxiliary_channels
from sceneparse.settings import BackboneSettings, NetworkSettings, ProtocolSettings
from sceneparse.weights.importing.family import Family, Names, Recognition, Shapes, head, layer
from sceneparse.weights.importing.resnets import find_resnet, narrower, stem_letter

NAMES: Names = [
    (r"^backbone\.body\.", "backbone."),
    *layer(r"pyramid\.point", "classifier.0.convs.0.0.", "classifier.0.convs.0.1."),
    (
        r"^pyramid\.atrous\.(\d)\.(conv|norm)\.",
        lambda m: f"classifier.0.convs.{int(m[1]) + 1}.{'0' if m[2] == 'conv' else '1'}.",
    ),
    *layer(r"pyramid\.mean", "classifier.0.convs.4.1.", "classifier.0.convs.4.2."),
    *layer(r"pyramid\.mix", "classifier.0.project.0.", "classifier.0.project.1."),
    *head("head", "classifier.1.", "classifier.2.", "classifier.4."),
    *head("aux_head", "aux_classifier.0.", "aux_classifier.1.", "aux_classifier.4."),
]


def recognise(shapes: Shapes) -> Recognition | None:
    """Recognise a ResNet under backbone and an atrous pyramid with a projection under classifier.0."""
    mix, classes = shapes.get("classifier.0.project.0.weight"), shapes.get("classifier.4.weight")
    stem = stem_letter(shapes, "backbone.conv1.weight", "")
    if mix is None or classes is None or stem is None or "classifier.0.convs.4.1.weight" not in shapes:
        return None
    resnet = find_resnet(shapes, lambda number: f"backbone.layer{number}.")
    aux = shapes.get("aux_classifier.0.weight")
    return Recognition(
        backbone=BackboneSettings(resnet.timm(), dilation="half"),
        network=NetworkSettings(
            architecture="deeplabv3",
            channels=mix[0],
            aux=aux is not None,
            aux_channels=None if aux is None else narrower(aux[0], auxiliary_channels(aux[1])),
            dropout=0.5,
        ),
        num_classes=classes[0],
        names=NAMES,
        why=(
            resnet.why,
            "classifier.0 has five branches and a projection: DeepLabV3",
            "torchvision dilates by half the convolution that gave up its stride and does not align corners",
        ),
        protocol=ProtocolSettings("whole", resize="short", size=520),
    )


FAMILY = Family("DeepLabV3 of torchvision", recognise)
