"""A picture from end to end: the Parser of an imported model and the live peer's own program give the same labels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import sceneparse
from sceneparse.toyworld import render
from tests.support.published import as_if_trained, imported

CLASSES = 6
# Sides of 32: every peer runs at the picture's own size.
SIDE = 128


def smp_peer(kind: str) -> nn.Module:
    smp = pytest.importorskip("segmentation_models_pytorch")
    peer: nn.Module = getattr(smp, kind)("resnet18", encoder_weights=None, classes=CLASSES)
    return peer


def torchvision_peer(name: str) -> nn.Module:
    segmentation = pytest.importorskip("torchvision.models.segmentation")
    peer: nn.Module = getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=CLASSES)
    return peer


def transformers_peer() -> nn.Module:
    transformers = pytest.importorskip("transformers")
    backbone = transformers.ResNetConfig(
        hidden_sizes=[64, 128, 256, 512],
        depths=[2, 2, 2, 2],
        layer_type="basic",
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    config = transformers.UperNetConfig(
        backbone_config=backbone, hidden_size=64, auxiliary_in_channels=256, num_labels=CLASSES
    )
    peer: nn.Module = transformers.UperNetForSemanticSegmentation(config)
    return peer


def logits_of(given: Any) -> torch.Tensor:
    """A peer's scores at the picture's size, however it wraps them."""
    if isinstance(given, torch.Tensor):
        return given
    logits: torch.Tensor = given["out"] if isinstance(given, dict) and "out" in given else given.logits
    return logits


PEERS: dict[str, Callable[[], nn.Module]] = {
    "smp PSPNet": lambda: smp_peer("PSPNet"),
    "smp UPerNet": lambda: smp_peer("UPerNet"),
    "torchvision FCN": lambda: torchvision_peer("fcn_resnet50"),
    "torchvision DeepLabV3": lambda: torchvision_peer("deeplabv3_resnet50"),
    "transformers UperNet": transformers_peer,
}


def balance(peer: nn.Module, image: torch.Tensor) -> None:
    """Give every class the same mean score, so that random weights do not say one class everywhere."""
    mean = logits_of(peer(image[None])).mean(dim=(0, 2, 3))
    for module in peer.modules():
        if isinstance(module, nn.Conv2d) and module.out_channels == CLASSES:
            assert module.bias is not None
            module.bias -= mean


@pytest.mark.parametrize("name", PEERS)
def test_parser_and_live_peer_label_a_scene_alike(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    peer = as_if_trained(PEERS[name]())
    picture = np.ascontiguousarray(render(0, 0, SIDE).image.permute(1, 2, 0).numpy())
    # As the peers' own examples prepare a picture.
    mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    image = (torch.from_numpy(picture).permute(2, 0, 1) / 255 - mean) / std
    with torch.no_grad():
        balance(peer, image)
        expected = logits_of(peer(image[None])).argmax(dim=1)[0].numpy()
    imported(peer.state_dict(), tmp_path, protocol={"name": "whole"}).save(tmp_path / "model")
    labels = sceneparse.load(tmp_path / "model", device="cpu", precision="float32", engine="torch")(picture).labels
    assert len(np.unique(expected)) > 1
    assert (labels == expected).mean() >= 0.9999
