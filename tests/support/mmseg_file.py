"""A small PSPNet in the form of MMSegmentation's published files: keys, shapes and `meta`."""

import re
from pathlib import Path

import torch

from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build
from tests.support.published import as_if_trained

CLASSES = ("road", "car", "tree")

NAMES = (
    (r"^backbone\.body\.conv1\.", "backbone.stem."),
    (r"^backbone\.body\.bn1\.", "backbone.stem.7."),
    (r"^backbone\.body\.", "backbone."),
    (r"^pyramid\.branches\.(\d)\.conv\.", r"decode_head.psp_modules.\1.1.conv."),
    (r"^pyramid\.branches\.(\d)\.norm\.", r"decode_head.psp_modules.\1.1.bn."),
    (r"^head\.layer\.conv\.", "decode_head.bottleneck.conv."),
    (r"^head\.layer\.norm\.", "decode_head.bottleneck.bn."),
    (r"^head\.classifier\.", "decode_head.conv_seg."),
    (r"^aux_head\.layer\.conv\.", "auxiliary_head.convs.0.conv."),
    (r"^aux_head\.layer\.norm\.", "auxiliary_head.convs.0.bn."),
    (r"^aux_head\.classifier\.", "auxiliary_head.conv_seg."),
)
"""Our keys to MMSegmentation's, for a PSPNet on a ResNetV1c."""


def write_mmseg_file(path: Path, seed: int = 0) -> Path:
    """Write a checkpoint as `tools/publish_model.py` leaves it: without the optimizer, with `meta`."""
    torch.manual_seed(seed)
    settings = NetworkSettings(architecture="pspnet", channels=16, branch_channels=16, aux_channels=8)
    network = as_if_trained(build(BackboneSettings("resnet18c", dilation="half"), settings, len(CLASSES)), seed)
    state = {_theirs(key): value for key, value in network.state_dict().items()}
    meta = {"mmseg_version": "0.11.0", "epoch": 1, "iter": 40000, "CLASSES": CLASSES, "PALETTE": [[0, 0, 0]] * 3}
    torch.save({"meta": meta, "state_dict": state}, path, _use_new_zipfile_serialization=False)
    return path


def _theirs(key: str) -> str:
    for pattern, other in NAMES:
        renamed, count = re.subn(pattern, other, key)
        if count:
            return renamed
    raise ValueError(f"no name for {key}")
