"""Activation checkpointing: the same step, bit by bit, for less memory."""

import copy

import pytest
import torch
from torch import Tensor, nn

from sceneparse.networks import SceneParser
from sceneparse.networks.recompute import blocks_of, recompute_blocks
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build


def network(name: str, **settings: object) -> SceneParser:
    torch.manual_seed(0)
    given = {"architecture": "pspnet", "channels": 8, "output_stride": 16, **settings}
    return build(BackboneSettings(name=name, drop_path=0.3 if "vit" in name else 0.0), NetworkSettings(**given), 4)  # type: ignore[arg-type]


def step(network: SceneParser, images: Tensor) -> Tensor:
    torch.manual_seed(5)
    output = network(images)
    loss: Tensor = output.logits.square().mean() + (0 if output.aux is None else output.aux.square().mean())
    loss.backward()
    return loss.detach()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("resnet10t", {}),
        ("mobilenetv2_050", {}),
        ("vit_tiny_patch16_224", {}),
        ("convnext_atto", {"architecture": "upernet", "output_stride": 32}),
    ],
)
def test_losses_gradients_and_running_statistics_are_the_same(name: str, settings: dict[str, object]) -> None:
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    plain = network(name, **settings).train()
    recomputed = copy.deepcopy(plain)
    assert recompute_blocks(recomputed.backbone) > 3
    for _ in range(2):
        assert torch.equal(step(plain, images), step(recomputed, images))
    for (key, one), other in zip(plain.named_parameters(), recomputed.parameters(), strict=True):
        assert one.grad is not None and other.grad is not None, key
        assert torch.equal(one.grad, other.grad), key
    states = plain.state_dict(), recomputed.state_dict()
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
    # A copy is recomputed too, and its own: nothing points back to the network that it was made of.
    assert torch.equal(step(copy.deepcopy(recomputed), images), step(plain, images))


def test_less_is_kept_for_the_backward_pass() -> None:
    images = torch.randn(2, 3, 64, 64)
    kept = []
    for recomputed in (False, True):
        made = network("mobilenetv2_050").train()
        if recomputed:
            recompute_blocks(made.backbone)
        sizes: dict[int, int] = {}

        def pack(tensor: Tensor, sizes: dict[int, int] = sizes) -> Tensor:
            sizes[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            features = made.backbone(images)
        weights = {one.data_ptr() for one in made.parameters()}
        kept.append(sum(size for pointer, size in sizes.items() if pointer not in weights))
        del features
    assert kept[1] < 0.6 * kept[0]


def test_blocks_are_the_innermost_and_plain_layers_are_none() -> None:
    resnet = network("resnet10t").backbone
    assert [type(block).__name__ for block in blocks_of(resnet)] == ["BasicBlock"] * 4
    assert {type(block).__name__ for block in blocks_of(network("mobilenetv2_050").backbone)} == {
        "DepthwiseSeparableConv",
        "InvertedResidual",
    }
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3))
    assert recompute_blocks(plain) == 0
    for parameter in resnet.parameters():
        parameter.requires_grad_(False)
    assert recompute_blocks(resnet) == 0


def test_in_evaluation_mode_blocks_compute_as_ever() -> None:
    made = network("resnet10t").eval()
    images = torch.randn(1, 3, 48, 48)
    before = made(images).logits
    recompute_blocks(made.backbone)
    assert torch.equal(made(images).logits, before)
