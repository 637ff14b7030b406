import copy
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sceneparse.networks.exact import lean_norms
from sceneparse.networks.exact.lean_norms import LeanNorms
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build

ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish)


@pytest.fixture(autouse=True)
def small_maps_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lean_norms, "LEAST_BYTES", 0)


class Counting(LeanNorms):
    """Says how many tensors it kept, and how many it will make again."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[tuple[int, ...]] = []
        self.made_again = 0

    def _pack(self, tensor: Tensor) -> Any:
        packed = super()._pack(tensor)
        if isinstance(packed, Tensor):
            self.kept.append(tuple(tensor.shape))
        else:
            self.made_again += 1
        return packed


def layers(activation: nn.Module, channels: int = 6) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        activation,
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
        nn.BatchNorm2d(channels),
        copy.deepcopy(activation),
        nn.Conv2d(channels, 4, 1),
    )


def trained(network: nn.Module, images: Tensor, *, lean: bool, autocast: bool = False) -> list[Tensor]:
    """Result, gradients and statistics after a step, of a copy."""
    network = copy.deepcopy(network).train()
    images = images.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast), LeanNorms() if lean else nullcontext():
        result = network(images)
        result = result if isinstance(result, Tensor) else result.logits
    result.float().square().mean().backward()
    assert images.grad is not None
    gradients = [one.grad for one in network.parameters() if one.grad is not None]
    return [result.detach(), images.grad, *gradients, *(one.clone() for one in network.buffers())]


def agree(network: nn.Module, images: Tensor, **options: bool) -> None:
    """Nothing of a step differs by a bit."""
    ours, plain = (trained(network, images, lean=lean, **options) for lean in (True, False))
    assert len(ours) == len(plain) > 4
    assert all(torch.equal(one, other) for one, other in zip(ours, plain, strict=True))


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("in_place", [True, False])
def test_a_step_has_the_same_bits(activation: type[nn.Module], in_place: bool, autocast: bool) -> None:
    agree(layers(activation(inplace=in_place)), torch.randn(2, 3, 17, 13), autocast=autocast)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_each_batch_norm_keeps_one_map(activation: type[nn.Module]) -> None:
    network, images = layers(activation(inplace=True)), torch.randn(2, 3, 16, 16)
    with Counting() as mode:
        network(images)
    # The input of either batch norm; what it makes and what the activation makes of that are not kept.
    assert mode.kept.count((2, 6, 16, 16)) == 2
    assert mode.made_again >= 2
    kept: list[tuple[int, ...]] = []

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tuple(tensor.shape))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        network(images)
    assert kept.count((2, 6, 16, 16)) > 2


class Shortcuts(nn.Module):
    """Batch norms whose results are changed in place, are added up, or are read by two layers."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 5, 1), nn.Conv2d(5, 5, 3, padding=1)
        self.left, self.right = nn.Conv2d(5, 5, 3, padding=1), nn.Conv2d(5, 5, 1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(5) for _ in range(3))

    def forward(self, images: Tensor) -> Tensor:
        start = self.norms[0](self.first(images))
        changed = self.norms[1](self.second(start))
        changed += start
        changed = F.relu(changed, inplace=True)
        both = F.relu6(self.norms[2](self.right(changed)), inplace=True)
        return self.left(both) + self.right(both) * start + both.flip(-1)


def test_what_is_changed_added_or_read_twice_has_the_same_bits() -> None:
    agree(Shortcuts(), torch.randn(2, 3, 9, 11))


@pytest.mark.parametrize("name", ["mobilenetv2_100", "resnet10t", "efficientnet_b0", "mobilenetv3_small_100"])
def test_whole_networks_have_the_same_bits(name: str) -> None:
    torch.manual_seed(0)
    network = build(BackboneSettings(name), NetworkSettings(channels=16, dropout=0.0, aux=False), 3)
    # Stochastic depth is another draw at each step.
    for module in network.modules():
        if hasattr(module, "drop_prob"):
            setattr(module, "drop_prob", 0.0)  # noqa: B010 - mypy takes it for a module
    agree(network, torch.randn(2, 3, 64, 64))


def test_evaluation_and_frozen_layers_stay_as_they_are() -> None:
    network = layers(nn.ReLU6(inplace=True)).eval()
    images = torch.randn(1, 3, 8, 8)
    expected = network(images)
    with Counting() as mode:
        assert torch.equal(network(images), expected)
        with torch.no_grad():
            network.train()(images)
    assert mode.made_again == 0


def test_a_tensor_at_the_address_of_one_that_is_gone_is_kept() -> None:
    mode = Counting()
    one = torch.ones(1)
    gone, other = torch.randn(1, 2, 3, 3), torch.randn(1, 2, 3, 3)
    with mode:
        mode._remember(gone, gone._version, lean_norms._Normalized(one, one, one, one))
        mode._made[other.untyped_storage()._cdata] = mode._made[gone.untyped_storage()._cdata]
        del gone
        assert mode._pack(other) is other


def test_a_gradient_can_be_asked_for_twice() -> None:
    network, images = layers(nn.ReLU6(inplace=True)).train(), torch.randn(2, 3, 8, 8)
    with LeanNorms():
        result = network(images).sum()
    weight = next(network.parameters())
    first = torch.autograd.grad(result, weight, retain_graph=True)[0]
    assert torch.equal(torch.autograd.grad(result, weight)[0], first)
