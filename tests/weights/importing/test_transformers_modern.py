"""UperNet of transformers over ConvNeXt and Swin: the live peer gives the same scores and labels as what we import."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import sceneparse
from sceneparse.networks import normalize, resize
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint
from tests.support.published import as_if_trained, vectors_as_if_trained

transformers = pytest.importorskip("transformers")

STAGES = ["stage1", "stage2", "stage3", "stage4"]


def make_peer(backbone: Any) -> Any:
    """A peer whose vectors, those of the backbone's norms and scales included, are far from where they start."""
    torch.manual_seed(0)
    config = transformers.UperNetConfig(
        backbone_config=backbone, hidden_size=24, auxiliary_in_channels=384, auxiliary_channels=20, num_labels=5
    )
    peer = as_if_trained(transformers.UperNetForSemanticSegmentation(config))
    vectors_as_if_trained(peer.backbone)
    return peer


def convnext() -> Any:
    return transformers.ConvNextConfig(hidden_sizes=[96, 192, 384, 768], depths=[3, 3, 9, 3], out_features=STAGES)


def swin() -> Any:
    return transformers.SwinConfig(out_features=STAGES)


PEERS = {"convnext_tiny": convnext, "swin_tiny_patch4_window7_224": swin}


@pytest.mark.parametrize("name", PEERS)
def test_imported_network_scores_like_the_live_one(name: str, tmp_path: Path) -> None:
    peer = make_peer(PEERS[name]())
    peer.save_pretrained(tmp_path / "peer")
    model = import_checkpoint(tmp_path / "peer")
    assert isinstance(model, ImportedModel)
    assert (model.family, model.model.config.backbone.name) == ("transformers", name)
    # Neither 64 / 4 nor what follows is a multiple of Swin's windows.
    images = torch.randn(2, 3, 64, 96)
    network = model.model.network
    with torch.inference_mode():
        features = peer.backbone(images).feature_maps
        expected, aux = peer.decode_head(features), peer.auxiliary_head(features)
        found = network.backbone(images)
        scale = expected.abs().max()
        assert (network.decode(found) - expected).abs().max() < 1e-4 * scale
        assert (network.auxiliary(found) - aux).abs().max() < 1e-4 * aux.abs().max()


@pytest.mark.parametrize("name", PEERS)
def test_a_picture_is_parsed_like_by_the_live_network(name: str, tmp_path: Path) -> None:
    peer = make_peer(PEERS[name]())
    # Names of the network in memory, which differ from those that it saves.
    torch.save(peer.state_dict(), tmp_path / "peer.pth")
    imported = import_checkpoint(tmp_path / "peer.pth", "transformers", protocol={"name": "whole"})
    imported.save(tmp_path / "model")
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    images = normalize(torch.from_numpy(picture).permute(2, 0, 1)[None], (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.inference_mode():
        expected = resize(peer(images).logits, (64, 96), False).argmax(dim=1)[0].numpy()
    labels = sceneparse.load(tmp_path / "model", device="cpu", precision="float32", engine="torch")(picture).labels
    assert len(np.unique(labels)) > 1
    assert (labels == expected).mean() > 0.999
