"""segmentation_models_pytorch's UPerNet: the live peer gives the same scores as what we import."""

from pathlib import Path

import numpy as np
import pytest
import torch

import sceneparse
from sceneparse.errors import UserError
from sceneparse.networks import normalize, resize
from tests.support.published import as_if_trained, imported, network_of

smp = pytest.importorskip("segmentation_models_pytorch")


@pytest.mark.parametrize(
    ("encoder", "width"), [("resnet18", 24), ("resnet50", 16), ("tu-resnet18", 16), ("tu-resnet50s", 16)]
)
def test_imported_upernet_scores_like_the_live_one(encoder: str, width: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    peer = as_if_trained(smp.UPerNet(encoder, encoder_weights=None, decoder_channels=width, classes=5))
    for norm in peer.decoder.feature_norms:
        torch.nn.init.normal_(norm.bias)
    model = imported(peer.state_dict(), tmp_path)
    network = network_of(model)
    images = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        logits = resize(network(images).logits, (64, 96), network.align_corners)
        torch.testing.assert_close(logits, peer(images), rtol=1e-4, atol=1e-4)
    assert model.family == "smp" and model.model.config.network.architecture == "upernet"


def test_parser_labels_a_picture_like_the_live_upernet(tmp_path: Path) -> None:
    torch.manual_seed(0)
    peer = as_if_trained(smp.UPerNet("resnet18", encoder_weights=None, decoder_channels=16, classes=4))
    imported(peer.state_dict(), tmp_path).save(tmp_path / "model")
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    images = normalize(torch.from_numpy(picture).permute(2, 0, 1)[None], (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.inference_mode():
        expected = peer(images).argmax(dim=1)[0].numpy()
    labels = sceneparse.load(tmp_path / "model", device="cpu", engine="torch", precision="float32")(picture).labels
    assert len(np.unique(labels)) > 1
    assert (labels == expected).mean() > 0.999


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"decoder_use_norm": False}, "has no batch norm"),
        ({"encoder_depth": 4}, "takes 3 features"),
        ({"encoder_name": "mobilenet_v2"}, "encoder that is not supported"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_the_reason(
    options: dict[str, object], reason: str, tmp_path: Path
) -> None:
    given = {"encoder_name": "resnet18", "encoder_weights": None, "decoder_channels": 8, "classes": 3, **options}
    peer = smp.UPerNet(**given)
    with pytest.raises(UserError, match=reason):
        imported(peer.state_dict(), tmp_path)
