"""Bare ResNets, trained on ImageNet: torchvision's and timm's names, and the deep stems of CSAIL and semseg."""

from dataclasses import dataclass

from sceneparse.weights.importing.family import Names, Shapes
from sceneparse.weights.importing.resnets import find_resnet, stem_letter


@dataclass(frozen=True)
class BackboneRecognition:
    """What a bare backbone was recognised as.

    Args:
        name: Its name in timm.
        names: timm's keys to theirs.
        why: The facts that decided it, for people.
        dropped: Patterns of their keys that are not used, with the reason of each.
    """

    name: str
    names: Names
    why: tuple[str, ...]
    dropped: tuple[tuple[str, str], ...]


DROPPED = (
    (r"^fc\.", "the classifier of ImageNet"),
    (r"\.(_tmp_running_mean|_tmp_running_var|_running_iter)$", "a counter of CSAIL's synchronised batch norm"),
)

DEEP: Names = [
    (r"^conv1\.0\.", "conv1."),
    (r"^conv1\.1\.", "bn1."),
    (r"^conv1\.3\.", "conv2."),
    (r"^conv1\.4\.", "bn2."),
    (r"^conv1\.6\.", "conv3."),
    (r"^bn1\.", "bn3."),
]
"""timm's deep stem to that of CSAIL's and semseg's ImageNet weights."""


def recognise_backbone(shapes: Shapes) -> BackboneRecognition | None:
    """Recognise a ResNet with nothing else but its classifier.

    Raises:
        UserError: A ResNet that lacks blocks, or one that nobody published.
    """
    if not any(key.startswith("layer4.0.") for key in shapes):
        return None
    names: Names = []
    if (plain := stem_letter(shapes, "conv1.weight", "")) and "conv2.weight" not in shapes:
        letter, why = plain
    elif deep := stem_letter(shapes, "conv1.weight", "conv3.weight"):
        letter, why = deep
        names = DEEP
    elif nested := stem_letter(shapes, "conv1.0.weight", "conv1.6.weight"):
        letter, why = nested
        pooled = len(shapes.get("layer2.0.downsample.1.weight", ())) == 4
        letter = "d" if pooled and letter == "c" else letter
    else:
        return None
    resnet = find_resnet(shapes)
    return BackboneRecognition(
        resnet.timm(letter), names, ("a stem and four stages, no decoder: a bare backbone", resnet.why, why), DROPPED
    )
