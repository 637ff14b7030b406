"""torchvision's DeepLabV3: the live peer gives the same scores as what we import."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models.segmentation import deeplabv3_resnet50, deeplabv3_resnet101

import sceneparse
from sceneparse.networks import normalize
from sceneparse.settings import ProtocolSettings
from tests.support.published import as_if_trained, imported, network_of


def test_imported_network_scores_like_the_live_one(tmp_path: Path) -> None:
    torch.manual_seed(0)
    peer = as_if_trained(deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=5, aux_loss=True))
    model = imported({f"module.{key}": value for key, value in peer.state_dict().items()}, tmp_path)
    assert model.model.config.network.architecture == "deeplabv3"
    network = network_of(model)
    images = torch.randn(1, 3, 65, 90)
    with torch.inference_mode():
        features = network.backbone(images)
        live = peer.backbone(images)
        torch.testing.assert_close(features[3], live["out"], rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(network.decode(features), peer.classifier(live["out"]), rtol=1e-3, atol=1e-4)
        assert network.aux_head is not None
        torch.testing.assert_close(
            network.aux_head(features[2]), peer.aux_classifier(live["aux"]), rtol=1e-3, atol=1e-4
        )


def test_parser_labels_a_picture_like_the_live_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    peer = as_if_trained(deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=4))
    picture = np.random.default_rng(0).integers(0, 256, (61, 80, 3), dtype=np.uint8)
    images = normalize(torch.from_numpy(picture).permute(2, 0, 1)[None], (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.no_grad():  # no class wins everywhere
        peer.classifier[4].bias -= peer(images)["out"].mean(dim=(0, 2, 3))
    imported(peer.state_dict(), tmp_path).save(tmp_path / "model")
    with torch.inference_mode():
        expected = peer(images)["out"].argmax(dim=1)[0].numpy()
    whole = ProtocolSettings("whole")
    parser = sceneparse.load(tmp_path / "model", device="cpu", engine="torch", precision="float32", protocol=whole)
    labels = parser(picture).labels
    assert len(np.unique(labels)) > 1
    assert (labels == expected).mean() > 0.999


@pytest.mark.parametrize("aux", [True, False])
def test_depth_and_auxiliary_head_are_told_by_the_keys(aux: bool) -> None:
    from sceneparse.weights.importing.families.torchvision_deeplab import recognise

    with torch.device("meta"):
        peer = deeplabv3_resnet101(weights=None, weights_backbone=None, num_classes=21, aux_loss=aux)
    found = recognise({key: tuple(value.shape) for key, value in peer.state_dict().items()})
    assert found is not None
    assert (found.backbone.name, found.network.aux, found.num_classes) == ("resnet101", aux, 21)
