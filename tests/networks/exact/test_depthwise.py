import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from sceneparse.networks.exact.depthwise import DilatedDepthwise, depthwise_by_phases, use_fast_depthwise


@pytest.mark.parametrize("size", [(13, 11), (16, 16), (5, 3), (1, 7)])
@pytest.mark.parametrize("dilation", [2, 3, 4])
@pytest.mark.parametrize("kernel", [3, 5])
def test_phases_equal_the_plain_convolution_and_its_gradients(
    size: tuple[int, int], dilation: int, kernel: int
) -> None:
    torch.manual_seed(0)
    maps = torch.randn(2, 6, *size, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, 1, kernel, kernel, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(6, dtype=torch.float64, requires_grad=True)
    inputs = (maps, weight, bias)
    plain = conv2d(maps, weight, bias, padding=dilation * (kernel // 2), dilation=dilation, groups=6)
    ours = depthwise_by_phases(maps, weight, bias, dilation)
    torch.testing.assert_close(ours, plain, rtol=1e-12, atol=1e-12)
    seed = torch.randn_like(plain)
    for mine, theirs in zip(
        torch.autograd.grad(ours, inputs, seed), torch.autograd.grad(plain, inputs, seed), strict=True
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)


def test_only_dilated_depthwise_convolutions_are_replaced_and_names_stay() -> None:
    network = nn.Sequential(
        nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8, bias=False),
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2, stride=2, groups=8),
    )
    before = copy.deepcopy(network)
    use_fast_depthwise(network)
    assert [type(layer) is DilatedDepthwise for layer in network] == [True, False, False, False]
    assert list(network.state_dict()) == list(before.state_dict())
    images = torch.randn(1, 8, 15, 14)
    torch.testing.assert_close(network(images), before(images))
    with torch.no_grad():
        torch.testing.assert_close(network(images), before(images))


@pytest.mark.parametrize("autocast", [False, True])
def test_it_goes_by_phases_for_a_gradient_in_bfloat16_only(autocast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def counting(*arguments: Any) -> Tensor:
        taken.append(1)
        return depthwise_by_phases(*arguments)

    monkeypatch.setattr("sceneparse.networks.exact.depthwise.depthwise_by_phases", counting)
    network = nn.Sequential(nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8))
    use_fast_depthwise(network)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        network(torch.randn(1, 8, 15, 14)).sum().backward()
        with torch.no_grad():
            network(torch.randn(1, 8, 15, 14))
    assert len(taken) == autocast
