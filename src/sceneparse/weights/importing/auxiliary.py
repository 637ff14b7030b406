"""Auxiliary heads of other classes than the network, or of another form: what is left without them.

Only training uses that head.
"""

import re
from dataclasses import replace

from sceneparse.tables import table
from sceneparse.weights.importing.family import Recognition, Shapes, theirs

CLASSIFIER = "aux_head.classifier.weight"

LAYERS = ("aux_head.layer.conv.weight", "aux_head.layer.norm.weight", CLASSIFIER)
"""One tensor of each of its layers."""


ROOT = re.compile(r"^aux\w*")
"""The first part of keys below which nothing stands but an auxiliary head."""


def without_unfit_auxiliary(found: Recognition, shapes: Shapes) -> Recognition:
    """Return what was recognised without its auxiliary head, where that has other classes or another form.

    torchvision's tutorials put a classifier for their own classes on its pretrained network and leave the auxiliary
    head's 21 as they are. MMSegmentation may have several auxiliary heads, or one of several convolutions.

    Args:
        found: What was recognised.
        shapes: The checkpoint's keys and shapes.
    """
    layers = [theirs(layer, found.names).rpartition(".")[0] for layer in LAYERS]
    if (root := ROOT.match(layers[-1])) and not _has_its_form(found, shapes, layers, f"{root[0]}."):
        reason = "auxiliary heads of another form than one 3×3 convolution on stage 3 and a classifier: left out"
        return _without(found, ((rf"^{root[0]}\.", reason),))
    classifier = shapes.get(f"{layers[-1]}.weight", ())
    if not found.network.aux or not classifier or classifier[0] == found.num_classes:
        return found
    reason = f"the auxiliary head, which is of {classifier[0]} classes instead of {found.num_classes}: left out"
    return _without(found, tuple((rf"^{re.escape(layer)}\.", reason) for layer in layers))


def _has_its_form(found: Recognition, shapes: Shapes, layers: list[str], root: str) -> bool:
    """Return whether all keys below the root are those of the auxiliary head that a network here has, or none is."""
    below = [key for key in shapes if key.startswith(root)]
    own = {layer: [key for key in below if key.startswith(f"{layer}.")] for layer in layers}
    if not below:
        return True
    kernel = shapes.get(f"{layers[0]}.weight", ())[2:]
    return found.network.aux and kernel == (3, 3) and all(own.values()) and sum(map(len, own.values())) == len(below)


def _without(found: Recognition, dropped: tuple[tuple[str, str], ...]) -> Recognition:
    backbone = found.backbone
    if not reads_stage_3(found):
        backbone = replace(backbone, stage3_end="own")
    return replace(
        found,
        backbone=backbone,
        network=replace(found.network, aux=False, aux_channels=None),
        dropped=(*found.dropped, *dropped),
    )


def reads_stage_3(found: Recognition) -> bool:
    """Return whether the decoder of a network reads the third stage, too."""
    reads = table("architectures")[found.network.architecture].reads
    return reads is None or reads(found.network) > 1
