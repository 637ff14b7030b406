"""timm's models as encoders of segmentation_models_pytorch: the folder's live peer gives the same scores and labels."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sceneparse.errors import UserError
from sceneparse.networks import resize
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint
from tests.support.published import as_if_trained, imported, network_of, vectors_as_if_trained

smp = pytest.importorskip(
    "segmentation_models_pytorch", reason="smp, the live peer, is not installed (the bench extra)"
)

SWIN = "tu-swin_tiny_patch4_window7_224"


def make_peer(architecture: str, encoder: str, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    width = {"PSPNet": "psp_out_channels", "UPerNet": "decoder_channels"}[architecture]
    peer = getattr(smp, architecture)(encoder, encoder_weights=None, classes=6, **{width: 16}, **options)
    vectors_as_if_trained(peer.encoder)
    return as_if_trained(peer)


def import_folder(peer: Any, folder: Path) -> ImportedModel:
    peer.save_pretrained(folder)
    model = import_checkpoint(folder)
    assert isinstance(model, ImportedModel)
    return model


@pytest.mark.parametrize(
    ("architecture", "encoder", "options", "size"),
    [
        ("UPerNet", "tu-convnextv2_atto", {}, (64, 96)),
        ("UPerNet", "tu-regnety_002", {}, (64, 96)),
        ("UPerNet", "tu-efficientnet_b0", {}, (64, 96)),
        ("UPerNet", "tu-tf_efficientnet_lite0", {}, (64, 96)),
        ("PSPNet", "tu-convnext_atto", {}, (64, 96)),
        ("PSPNet", "tu-regnety_002", {"encoder_depth": 4, "upsampling": 16}, (64, 96)),
        ("PSPNet", "tu-resnet18", {"encoder_depth": 5, "upsampling": 32}, (64, 96)),
        # At its own size the last stage is one window; above it all stages are shifted.
        ("UPerNet", SWIN, {}, (224, 224)),
        ("UPerNet", SWIN, {"img_size": 256}, (256, 256)),
        ("UPerNet", SWIN, {"img_size": [256, 288]}, (256, 288)),
    ],
)
def test_a_folder_is_parsed_like_by_the_live_network(
    architecture: str, encoder: str, options: dict[str, Any], size: tuple[int, int], tmp_path: Path
) -> None:
    peer = make_peer(architecture, encoder, **options)
    model = import_folder(peer, tmp_path / "peer")
    assert model.family == "smp" and model.model.config.backbone.name == encoder.removeprefix("tu-")
    network, images = network_of(model), torch.randn(1, 3, *size)
    with torch.inference_mode():
        expected, found = peer(images), resize(network(images).logits, size, network.align_corners)
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max()
    middle = expected.mean(dim=(0, 2, 3), keepdim=True)  # so that not one class stands everywhere
    labels = (expected - middle).argmax(dim=1)
    assert len(labels.unique()) > 1
    assert ((found - middle).argmax(dim=1) == labels).float().mean() >= 0.9999


def test_without_the_folder_nothing_names_the_encoder(tmp_path: Path) -> None:
    peer = make_peer("UPerNet", "tu-convnextv2_atto")
    with pytest.raises(UserError, match=r"channels of an encoder of timm's; no config.json beside it names a timm enc"):
        imported(peer.state_dict(), tmp_path)


def test_another_encoder_than_the_one_that_is_named_is_refused(tmp_path: Path) -> None:
    make_peer("UPerNet", "tu-convnextv2_atto").save_pretrained(tmp_path / "peer")  # type: ignore[operator]
    path = tmp_path / "peer" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"encoder_name": "tu-convnextv2_pico"}))
    with pytest.raises(UserError, match="recognised as smp, but"):
        import_checkpoint(tmp_path / "peer")


@pytest.mark.parametrize(
    ("architecture", "encoder", "options", "line"),
    [
        ("UPerNet", SWIN, {"img_size": 192}, "img_size 192, of which the coarsest map is no larger than a window"),
        ("PSPNet", "tu-resnet18", {"encoder_depth": 2, "upsampling": 4}, "encoder_depth 2; a pyramid on depth 3, 4 or"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_the_reason(
    architecture: str, encoder: str, options: dict[str, Any], line: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=line):
        import_folder(make_peer(architecture, encoder, **options), tmp_path / "peer")
