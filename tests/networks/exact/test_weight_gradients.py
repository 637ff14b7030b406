import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneparse.networks.exact import weight_gradients
from sceneparse.networks.exact.convolution import ConcatConv2d
from sceneparse.networks.exact.lean_norms import LeanNorms
from sceneparse.networks.exact.weight_gradients import FastWeightGradients, is_slow_without, weight_gradient

CHANNELS_LAST = torch.channels_last


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, ...]]]:
    """The shapes of the weights whose gradients were our own; maps of any size are worth it."""
    shapes: list[tuple[int, ...]] = []

    def counting(maps: Tensor, weight: Tensor, *others: Any) -> Tensor:
        shapes.append(tuple(weight.shape))
        return weight_gradient(maps, weight, *others)

    monkeypatch.setattr(weight_gradients, "LEAST_PIXELS", 1)
    monkeypatch.setattr(weight_gradients, "LEAST_CHANNELS", 1)
    monkeypatch.setattr(weight_gradients, "weight_gradient", counting)
    yield shapes


@pytest.mark.parametrize("size", [(13, 11), (1, 7), (6, 1), (2, 2)])
@pytest.mark.parametrize(
    ("kernel", "dilation"), [((3, 3), (1, 1)), ((3, 3), (4, 2)), ((5, 3), (1, 2)), ((1, 3), (1, 1)), ((3, 1), (2, 1))]
)
@pytest.mark.parametrize("layout", [CHANNELS_LAST, torch.contiguous_format])
def test_weight_gradients_are_those_of_the_convolution(
    size: tuple[int, int], kernel: tuple[int, int], dilation: tuple[int, int], layout: torch.memory_format
) -> None:
    torch.manual_seed(0)
    maps = torch.randn(3, 4, *size, dtype=torch.float64).contiguous(memory_format=layout)
    weight = torch.randn(5, 4, *kernel, dtype=torch.float64, requires_grad=True)
    around = [step * (taps // 2) for step, taps in zip(dilation, kernel, strict=True)]
    result = F.conv2d(maps, weight, None, 1, around, dilation)
    gradient = torch.randn_like(result).contiguous(memory_format=layout)
    result.backward(gradient)
    torch.testing.assert_close(weight_gradient(maps, weight, gradient, dilation), weight.grad)


def test_a_network_s_gradients_are_the_same_with_them(taken: list[tuple[int, ...]]) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(8, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(inplace=True),
        nn.Conv2d(16, 16, 3, padding=2, dilation=2),
        nn.Conv2d(16, 16, 3, padding=1, stride=2),
        nn.Conv2d(16, 16, 3, padding=1, groups=16),
        nn.Conv2d(16, 16, 3),
        nn.Conv2d(16, 4, 1),
    )
    maps = torch.randn(2, 8, 160, 150)
    plain = copy.deepcopy(network)
    own, other = maps.clone().requires_grad_(), maps.clone().requires_grad_()
    plain(other).square().mean().backward()
    with LeanNorms(), FastWeightGradients():
        loss = network(own).square().mean()
    loss.backward()
    assert sorted(taken) == [(16, 8, 3, 3), (16, 16, 3, 3)]
    torch.testing.assert_close(own.grad, other.grad)
    for ours, theirs in zip(network.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)


def test_a_convolution_over_several_maps_takes_them_for_its_largest(taken: list[tuple[int, ...]]) -> None:
    torch.manual_seed(0)
    layer = ConcatConv2d((6, 4), 5, 3, padding=1, align_corners=False).to(memory_format=CHANNELS_LAST)
    plain = copy.deepcopy(layer)
    maps = [torch.randn(2, 6, 12, 10), torch.randn(2, 4, 3, 2)]
    plain(maps).square().mean().backward()
    with LeanNorms(), FastWeightGradients():
        loss = layer(maps).square().mean()
    loss.backward()
    assert taken == [(5, 6, 3, 3)]
    torch.testing.assert_close(layer.weight.grad, plain.weight.grad)


def test_only_the_gradients_that_are_asked_for_are_computed(taken: list[tuple[int, ...]]) -> None:
    layer = nn.Conv2d(4, 4, 3, padding=1).requires_grad_(False)
    layer.bias = nn.Parameter(torch.zeros(4))
    maps = torch.randn(1, 4, 6, 6, requires_grad=True)
    with FastWeightGradients():
        layer(maps).sum().backward()
        assert not taken and maps.grad is not None and layer.weight.grad is None
        layer.requires_grad_(True)
        layer(maps.detach()).sum().backward()
        assert taken == [(4, 4, 3, 3)]
        with torch.no_grad():
            layer(maps)
    torch.testing.assert_close(layer.bias.grad, torch.full((4,), 72.0))


@pytest.mark.parametrize(
    ("what", "channels", "side"), [("bfloat16", 32, 40), ("few channels", 8, 40), ("small maps", 32, 20)]
)
def test_others_are_left_to_pytorch(what: str, channels: int, side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    worth: list[bool] = []

    def noted(maps: Tensor, weight: Tensor) -> bool:
        worth.append(is_worth(maps, weight))
        return worth[-1]

    is_worth = weight_gradients._is_worth
    monkeypatch.setattr(weight_gradients, "_is_worth", noted)
    layer = nn.Conv2d(channels, channels, 3, padding=1)
    with FastWeightGradients(), torch.autocast("cpu", torch.bfloat16, enabled=what == "bfloat16"):
        loss = layer(torch.randn(1, channels, side, side)).float().mean()
    loss.backward()
    assert worth == [False] and layer.weight.grad is not None


@pytest.mark.parametrize("capability", ["AVX2", "AVX512", "DEFAULT"])
def test_they_are_taken_where_there_is_no_avx512(capability: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert is_slow_without() == (capability == "AVX2")
