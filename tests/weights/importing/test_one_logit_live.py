"""A single logit of the live peers: two classes, and their sigmoid's decision, over every kind of encoder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sceneparse.networks import resize
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint
from tests.support.published import as_if_trained, network_of, vectors_as_if_trained


def smp(architecture: str, encoder: str, **options: Any) -> Callable[[], Any]:
    def make() -> Any:
        peers = pytest.importorskip("segmentation_models_pytorch", reason="smp is not installed (the bench extra)")
        width = {"PSPNet": "psp_out_channels", "UPerNet": "decoder_channels"}[architecture]
        made = getattr(peers, architecture)(encoder, encoder_weights=None, classes=1, **{width: 16}, **options)
        vectors_as_if_trained(made.encoder)
        return made

    return make


def transformers(name: str) -> Callable[[], Any]:
    def make() -> Any:
        peers = pytest.importorskip("transformers", reason="transformers is not installed (the bench extra)")
        stages = ["stage1", "stage2", "stage3", "stage4"]
        shape = {"hidden_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4, "image_size": 518}
        backbones: dict[str, Callable[[], Any]] = {
            "swin": lambda: peers.SwinConfig(out_features=stages),
            "convnext": lambda: peers.ConvNextConfig(
                hidden_sizes=[96, 192, 384, 768], depths=[3, 3, 9, 3], out_features=stages
            ),
            "dinov2": lambda: peers.Dinov2Config(**shape, patch_size=14, out_indices=[1, 2, 3, 4]),
        }
        config = peers.UperNetConfig(
            backbone_config=backbones[name](),
            hidden_size=24,
            auxiliary_in_channels=48 if name == "dinov2" else 384,
            auxiliary_channels=20,
            num_labels=1,
        )
        made = peers.UperNetForSemanticSegmentation(config)
        vectors_as_if_trained(made.backbone)
        return made

    return make


PEERS: dict[str, Callable[[], Any]] = {
    "smp/pspnet": smp("PSPNet", "resnet18"),
    "smp/pspnet over MobileNetV2": smp("PSPNet", "mobilenet_v2"),
    "smp/pspnet over timm": smp("PSPNet", "tu-convnext_atto"),
    "smp/upernet over timm": smp("UPerNet", "tu-regnety_002"),
    "transformers/swin": transformers("swin"),
    "transformers/convnext": transformers("convnext"),
}


@pytest.mark.parametrize("name", PEERS)
def test_the_sigmoid_decides(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    peer = as_if_trained(PEERS[name]())
    peer.save_pretrained(tmp_path / "peer")
    model = import_checkpoint(tmp_path / "peer")
    assert isinstance(model, ImportedModel)
    assert len(model.model.labels) == 2 and model.model.config.network.threshold == 0.5
    network, images = network_of(model), torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        expected = peer(images)
        expected = getattr(expected, "logits", expected)
        found = resize(network(images).logits, (64, 96), network.align_corners)
    assert expected.shape[1] == 1 and found.shape[1] == 2 and found[:, 0].abs().max() == 0
    assert (found[:, 1:] - expected).abs().max() < 1e-4 * expected.abs().max()
    sure = expected[:, 0].abs() > 1e-3
    assert ((found.argmax(dim=1) == 1) == (expected[:, 0].sigmoid() > 0.5))[sure].all()
