"""UperNet of transformers over ConvNeXt and Swin: the live peer gives the same scores and labels as what we import."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch

import sceneparse
from sceneparse.errors import UserError
from sceneparse.networks import normalize, resize
from sceneparse.networks.backbones.published_vits import register
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint
from sceneparse.weights.importing.families.transformers_dinov2 import SIZES
from tests.support.published import as_if_trained, vectors_as_if_trained

transformers = pytest.importorskip("transformers")

STAGES = ["stage1", "stage2", "stage3", "stage4"]


def make_peer(backbone: Any, third: int = 384) -> Any:
    """A peer whose vectors, those of the backbone's norms and scales included, are far from where they start."""
    torch.manual_seed(0)
    config = transformers.UperNetConfig(
        backbone_config=backbone, hidden_size=24, auxiliary_in_channels=third, auxiliary_channels=20, num_labels=5
    )
    peer = as_if_trained(transformers.UperNetForSemanticSegmentation(config))
    vectors_as_if_trained(peer.backbone)
    return peer


def convnext() -> Any:
    return transformers.ConvNextConfig(hidden_sizes=[96, 192, 384, 768], depths=[3, 3, 9, 3], out_features=STAGES)


def swin() -> Any:
    return transformers.SwinConfig(out_features=STAGES)


def dinov2(**changes: Any) -> Any:
    shape = {"hidden_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4, "image_size": 518, "patch_size": 14}
    return transformers.Dinov2Config(**shape, out_indices=[1, 2, 3, 4], **changes)


@pytest.mark.parametrize("in_memory", [False, True])
def test_blocks_with_swiglu_score_like_the_live_ones(
    in_memory: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The giant one's form, small.
    monkeypatch.setitem(SIZES, (48, 4, True), "test")
    if not timm.is_model("dinov2_test_patch14_518"):
        small = {"img_size": 518, "embed_dim": 48, "depth": 4, "num_heads": 4}
        register("dinov2_test_patch14_518", "vit_giant_patch14_dinov2", small)
    peer = make_peer(dinov2(use_swiglu_ffn=True), 48)
    peer.save_pretrained(tmp_path / "peer")
    if in_memory:
        torch.save(peer.state_dict(), tmp_path / "peer.pth")
    model = import_checkpoint(tmp_path / ("peer.pth" if in_memory else "peer"))
    assert isinstance(model, ImportedModel)
    images = torch.randn(1, 3, 75, 98)
    with torch.inference_mode():
        expected = peer.decode_head(peer.backbone(images).feature_maps)
        network = model.model.network
        assert (network.decode(network.backbone(images)) - expected).abs().max() < 1e-4 * expected.abs().max()


@pytest.mark.parametrize("changes", [{"hidden_size": 96}, {"image_size": 224}])
def test_a_dinov2_of_another_form_is_refused_with_what_it_has(changes: dict[str, int], tmp_path: Path) -> None:
    backbone = dinov2()
    for name, value in changes.items():
        setattr(backbone, name, value)
    make_peer(backbone, 48).save_pretrained(tmp_path / "peer")
    with pytest.raises(
        UserError, match=r"its DINOv2 has 4 blocks .* positions and 0 registers; small, base, large, giant"
    ):
        import_checkpoint(tmp_path / "peer")


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
