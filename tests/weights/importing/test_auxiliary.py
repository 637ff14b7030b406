"""A classifier that was replaced beside an auxiliary head that was not: all is imported but that head."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torchvision.models.segmentation import deeplabv3_resnet50, fcn_resnet50
from torchvision.models.segmentation.deeplabv3 import DeepLabHead

from sceneparse.networks import resize
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint
from sceneparse.weights.importing.families.semseg import NAMES
from sceneparse.weights.importing.family import theirs
from tests.support.csail import MobileNet, Plain
from tests.support.mmseg_file import write_mmseg_file
from tests.support.published import as_if_trained, imported, network_of

LINE = "the auxiliary head, which is of {} classes instead of {}: left out"


def left(model: ImportedModel, old: int, new: int) -> None:
    """Check that the model has no auxiliary head and says why."""
    reasons = [reason for reason, _ in model.account.dropped]
    assert LINE.format(old, new) in reasons
    assert network_of(model).aux_head is None and not model.model.config.network.aux


def tutorial(classes: int) -> nn.Module:
    """A network whose head was replaced, as torchvision's tutorials do it."""
    peer = deeplabv3_resnet50(weights=None, weights_backbone=None, aux_loss=True)
    peer.classifier = DeepLabHead(2048, classes)
    return peer


def last_layer(classes: int) -> nn.Module:
    peer = fcn_resnet50(weights=None, weights_backbone=None, aux_loss=True)
    peer.classifier[4] = nn.Conv2d(512, classes, 1)
    return peer


@pytest.mark.parametrize(("make", "classes"), [(tutorial, 3), (last_layer, 4), (last_layer, 1)])
def test_torchvisions_networks_score_like_the_live_ones(make: Any, classes: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    peer = as_if_trained(make(classes))
    model = imported(peer.state_dict(), tmp_path)
    left(model, 21, classes)
    network, images = network_of(model), torch.randn(1, 3, 65, 90)
    with torch.inference_mode():
        expected = peer(images)["out"]
        found = resize(network(images).logits, (65, 90), network.align_corners)[:, -classes:]
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    model.save(tmp_path / "model")


def test_an_auxiliary_head_of_the_same_classes_is_kept(tmp_path: Path) -> None:
    peer = fcn_resnet50(weights=None, weights_backbone=None, num_classes=3, aux_loss=True)
    assert network_of(imported(peer.state_dict(), tmp_path)).aux_head is not None


def test_files_of_the_original_release_can_have_one(tmp_path: Path) -> None:
    settings = NetworkSettings(channels=8, branch_channels=8, aux_channels=16)
    network = build(BackboneSettings("resnet50s", dilation="first"), settings, 4)
    state = {theirs(key, NAMES): value for key, value in network.state_dict().items()}
    state |= {"aux.4.weight": torch.zeros(150, 16, 1, 1), "aux.4.bias": torch.zeros(150)}
    left(imported(state, tmp_path, network={"align_corners": True}), 150, 4)


def test_mmsegmentations_files_can_have_one(tmp_path: Path) -> None:
    path = write_mmseg_file(tmp_path / "net.pth")
    content = torch.load(path, weights_only=True)
    state = content["state_dict"]
    state |= {
        "auxiliary_head.conv_seg.weight": torch.zeros(19, 8, 1, 1),
        "auxiliary_head.conv_seg.bias": torch.zeros(19),
    }
    torch.save(content, path)
    model = import_checkpoint(path)
    assert isinstance(model, ImportedModel)
    left(model, 19, 3)


OF_ANOTHER_FORM: dict[str, Callable[[str], str | None]] = {
    "several heads": lambda key: f"0.{key}",
    "two convolutions": lambda key: key,
    "an input beside the convolution": lambda key: key,
    "no convolution": lambda key: key if key.startswith("conv_seg") else None,
}


@pytest.mark.parametrize("form", OF_ANOTHER_FORM)
def test_auxiliary_heads_of_another_form_are_left_out(form: str, tmp_path: Path) -> None:
    path = write_mmseg_file(tmp_path / "net.pth")
    content = torch.load(path, weights_only=True)
    state, root = dict(content["state_dict"]), "auxiliary_head."
    for key in [key for key in state if key.startswith(root)]:
        value, renamed = state.pop(key), OF_ANOTHER_FORM[form](key.removeprefix(root))
        if renamed is not None:
            state[root + renamed] = value
    more = {"two convolutions": "convs.1.conv.weight", "an input beside the convolution": "conv_cat.conv.weight"}
    if form in more:
        state[root + more[form]] = torch.zeros(8, 8, 3, 3)
    torch.save(content | {"state_dict": state}, path)
    model = import_checkpoint(path)
    assert isinstance(model, ImportedModel)
    [(reason, count)] = model.account.dropped
    assert reason.startswith("auxiliary heads of another form") and count == sum(key.startswith(root) for key in state)
    assert network_of(model).aux_head is None and not model.model.config.network.aux


def test_an_auxiliary_head_on_another_stage_is_left_out(tmp_path: Path) -> None:
    path = write_mmseg_file(tmp_path / "net.pth")
    content = torch.load(path, weights_only=True)
    content["state_dict"]["auxiliary_head.convs.0.conv.weight"] = torch.zeros(8, 128, 3, 3)
    torch.save(content, path)
    model = import_checkpoint(path)
    assert isinstance(model, ImportedModel) and network_of(model).aux_head is None


def test_csails_pairs_can_have_one(tmp_path: Path) -> None:
    decoder = Plain("ppm_deepsup", 320, 5)
    width = decoder.state_dict()["conv_last_deepsup.weight"].shape[1]
    decoder.conv_last_deepsup = nn.Conv2d(width, 150, 1)
    torch.save(MobileNet().state_dict(), tmp_path / "encoder_epoch_20.pth")
    torch.save(decoder.state_dict(), tmp_path / "decoder_epoch_20.pth")
    model = import_checkpoint(tmp_path)
    assert isinstance(model, ImportedModel)
    left(model, 150, 5)
