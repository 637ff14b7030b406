"""The original PyTorch release of PSPNet (github.com/hszhao/semseg, model/pspnet.py)."""

from sceneparse.errors import UserError
from sceneparse.networks.heads import auxiliary_channels
from sceneparse.settings import BackboneSettings, NetworkSettings, ProtocolSettings
from sceneparse.weights.importing.family import Family, Names, Recognition, Shapes, head, layer
from sceneparse.weights.importing.resnets import count_blocks, find_resnet, narrower

NAMES: Names = [
    (r"^backbone\.body\.conv1\.", "layer0."),
    (r"^backbone\.body\.bn1\.", "layer0.7."),
    (r"^backbone\.body\.", ""),
    *layer(r"pyramid\.branches\.(\d+)", r"ppm.features.\1.1.", r"ppm.features.\1.2."),
    *head("head", "cls.0.", "cls.1.", "cls.4."),
    *head("aux_head", "aux.0.", "aux.1.", "aux.4."),
]


def recognise(shapes: Shapes) -> Recognition | None:
    """Recognise PSPNet with the release's names: stem in layer0, pyramid in ppm.features, heads cls and aux."""
    if any(key not in shapes for key in ("layer0.0.weight", "ppm.features.0.1.weight", "cls.0.weight", "cls.4.weight")):
        return None
    resnet = find_resnet(shapes)
    width = shapes["ppm.features.0.1.weight"][1]
    branches = count_blocks(shapes, "ppm.features.")
    if branches != 4:
        raise UserError(f"its pyramid has {branches} grids; only the release's four (1, 2, 3, 6) are known")
    aux = "aux.0.weight" in shapes
    classes = shapes["cls.4.weight"][0]
    cityscapes = classes == 19
    return Recognition(
        backbone=BackboneSettings(resnet.timm("s"), dilation="first"),
        network=NetworkSettings(
            architecture="pspnet",
            channels=shapes["cls.4.weight"][1],
            branch_channels=narrower(shapes["ppm.features.0.1.weight"][0], width // branches),
            aux=aux,
            aux_channels=narrower(shapes["aux.0.weight"][0], auxiliary_channels(shapes["aux.0.weight"][1]))
            if aux
            else None,
            align_corners=True,
        ),
        num_classes=classes,
        names=NAMES,
        why=(
            "pyramid in ppm.features and the stem in layer0: PSPNet of the original PyTorch release",
            resnet.why,
            "the release dilates the first block of a stage like the rest and aligns corners",
        ),
        # The release tests Cityscapes at its own scale (long side 2048, windows of 713).
        protocol=ProtocolSettings("semseg", size=2048, window=(713, 713)) if cityscapes else ProtocolSettings("semseg"),
    )


FAMILY = Family("PSPNet, the original PyTorch release (hszhao/semseg)", recognise)
