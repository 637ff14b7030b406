"""Auxiliary heads of other classes than the network: what is left where a classifier alone was replaced."""

import re
from dataclasses import replace

from sceneparse.tables import table
from sceneparse.weights.importing.family import Recognition, Shapes, theirs

CLASSIFIER = "aux_head.classifier.weight"

LAYERS = ("aux_head.layer.conv.weight", "aux_head.layer.norm.weight", CLASSIFIER)
"""One tensor of each of its layers."""


def without_old_auxiliary(found: Recognition, shapes: Shapes) -> Recognition:
    """Return what was recognised without its auxiliary head, where that has other classes than the classifier.

    torchvision's tutorials put a classifier for their own classes on its pretrained network and leave the auxiliary
    head's 21 as they are. Only training uses that head.

    Args:
        found: What was recognised.
        shapes: The checkpoint's keys and shapes.
    """
    classifier = shapes.get(theirs(CLASSIFIER, found.names), ())
    if not found.network.aux or not classifier or classifier[0] == found.num_classes:
        return found
    reason = f"the auxiliary head, which is of {classifier[0]} classes instead of {found.num_classes}: left out"
    layers = [theirs(layer, found.names).rpartition(".")[0] for layer in LAYERS]
    backbone = found.backbone
    if not reads_stage_3(found):
        backbone = replace(backbone, stage3_end="own")
    return replace(
        found,
        backbone=backbone,
        network=replace(found.network, aux=False, aux_channels=None),
        dropped=(*found.dropped, *((rf"^{re.escape(layer)}\.", reason) for layer in layers)),
    )


def reads_stage_3(found: Recognition) -> bool:
    """Return whether the decoder of a network reads the third stage, too."""
    reads = table("architectures")[found.network.architecture].reads
    return reads is None or reads(found.network) > 1
