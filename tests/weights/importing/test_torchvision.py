"""torchvision's FCN: the live peer gives the same scores and labels as what we import."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models.segmentation import fcn_resnet50, fcn_resnet101

import sceneparse
from sceneparse.networks import normalize
from sceneparse.weights.importing.families.torchvision import recognise
from tests.support.published import as_if_trained, imported, network_of


def test_parser_labels_a_picture_like_the_live_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    peer = as_if_trained(fcn_resnet50(weights=None, weights_backbone=None, num_classes=4, aux_loss=True))
    model = imported(peer.state_dict(), tmp_path, protocol={"resize": "none"})
    assert model.family == "torchvision"
    model.save(tmp_path / "model")
    picture = np.random.default_rng(0).integers(0, 256, (61, 80, 3), dtype=np.uint8)
    images = normalize(torch.from_numpy(picture).permute(2, 0, 1)[None], (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.inference_mode():
        expected = peer(images)["out"].argmax(dim=1)[0].numpy()
        features = network_of(model).backbone(images)
        live = peer.backbone(images)
        torch.testing.assert_close(
            network_of(model).aux_head(features[2]),  # type: ignore[misc]
            peer.aux_classifier(live["aux"]),
            rtol=1e-3,
            atol=1e-4,
        )
    labels = sceneparse.load(tmp_path / "model", device="cpu", engine="torch", precision="float32")(picture).labels
    assert len(np.unique(labels)) > 1
    assert (labels == expected).mean() > 0.999


@pytest.mark.parametrize("aux", [True, False])
def test_depth_and_auxiliary_head_are_told_by_the_keys(aux: bool) -> None:
    with torch.device("meta"):
        peer = fcn_resnet101(weights=None, weights_backbone=None, num_classes=21, aux_loss=aux)
    found = recognise({key: tuple(value.shape) for key, value in peer.state_dict().items()})
    assert found is not None
    assert (found.backbone.name, found.network.aux, found.num_classes) == ("resnet101", aux, 21)
