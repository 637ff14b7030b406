"""segmentation_models_pytorch's PSPNet: the live peer and its recorded case give the same scores as what we import."""

from pathlib import Path

import numpy as np
import pytest
import torch

import sceneparse
from sceneparse.errors import UserError
from sceneparse.networks import PSPNet, normalize, resize
from sceneparse.weights.importing.convert import Recognised, configure, convert, recognise
from sceneparse.weights.importing.reading import Checkpoint
from tests.support.golden_cases import golden_case
from tests.support.published import as_if_trained, imported, network_of

smp = pytest.importorskip("segmentation_models_pytorch")


@pytest.mark.parametrize(
    ("encoder", "depth"),
    [("resnet18", 3), ("resnet34", 4), ("resnet50", 3), ("resnet18", 5), ("mobilenet_v2", 3), ("mobilenet_v2", 4)],
)
def test_imported_pspnet_scores_like_the_live_one(encoder: str, depth: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    peer = as_if_trained(smp.PSPNet(encoder, encoder_weights=None, encoder_depth=depth, psp_out_channels=24, classes=5))
    model = imported(peer.state_dict(), tmp_path)
    images = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        logits = network_of(model)(images).logits
        expected = torch.nn.Sequential(peer.encoder)[0](images)
        expected = peer.segmentation_head[0](peer.decoder(expected))
    assert model.family == "smp"
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


def test_parser_labels_a_picture_like_the_live_pspnet(tmp_path: Path) -> None:
    torch.manual_seed(0)
    peer = as_if_trained(smp.PSPNet("resnet18", encoder_weights=None, psp_out_channels=16, classes=4))
    imported(peer.state_dict(), tmp_path).save(tmp_path / "model")
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    images = normalize(torch.from_numpy(picture).permute(2, 0, 1)[None], (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.inference_mode():
        expected = peer(images).argmax(dim=1)[0].numpy()
    labels = sceneparse.load(tmp_path / "model", device="cpu", engine="torch", precision="float32")(picture).labels
    assert len(np.unique(labels)) > 1
    assert (labels == expected).mean() > 0.999


def test_scores_are_those_recorded(shared: Path) -> None:
    case = golden_case(shared, "smp_pspnet_resnet18")
    checkpoint = Checkpoint(case.weights(), "checkpoint")
    found = recognise(checkpoint, "auto")
    assert isinstance(found, Recognised)
    network, _ = convert(checkpoint, found, configure(found, {}))
    images = case.image()
    with torch.inference_mode():
        features = network.backbone(images)
        logits = resize(network.decode(features), (images.shape[2], images.shape[3]), network.align_corners)
        assert isinstance(network, PSPNet)
        hidden = network.head.layer(network.pyramid(features[-1]))[:, ::8]
    case.compare({"logits": logits, "decoder_sub": hidden})


def test_layers_behind_the_pyramid_are_dropped_with_a_reason(tmp_path: Path) -> None:
    peer = smp.PSPNet("resnet18", encoder_weights=None, psp_out_channels=8, classes=2, aux_params={"classes": 3})
    account = imported(peer.state_dict(), tmp_path).account
    reasons = dict(account.dropped)
    assert reasons["the encoder's end, behind stage 2, on which the pyramid stands"] == 60
    assert reasons["the classifier of the whole picture, which a user may add"] == 2


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"encoder_name": "resnet18", "decoder_use_norm": False}, "no batch norm"),
        ({"encoder_name": "mobilenet_v2", "encoder_depth": 5}, "1280 channels"),
        ({"encoder_name": "vgg11_bn"}, "not supported"),
    ],
)
def test_variants_that_we_do_not_have_are_refused(options: dict[str, object], word: str, tmp_path: Path) -> None:
    peer = smp.PSPNet(encoder_weights=None, psp_out_channels=8, classes=2, **options)
    with pytest.raises(UserError, match=word):
        imported(peer.state_dict(), tmp_path)
