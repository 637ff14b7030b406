import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from sceneparse.networks.exact import depthwise
from sceneparse.networks.exact.depthwise import DilatedDepthwise, dilated_depthwise, use_fast_depthwise
from tests.support.gradients import check_asked_for, check_like, depthwise_inputs


@pytest.mark.parametrize("size", [(13, 11), (16, 16), (5, 3), (1, 7)])
@pytest.mark.parametrize("dilation", [2, 3, 4])
@pytest.mark.parametrize("kernel", [3, 5])
def test_result_and_gradients_equal_the_plain_convolution_s(size: tuple[int, int], dilation: int, kernel: int) -> None:
    around = dilation * (kernel // 2)
    check_like(
        lambda maps, weight, bias: dilated_depthwise(maps, weight, bias, dilation),
        lambda maps, weight, bias: conv2d(maps, weight, bias, padding=around, dilation=dilation, groups=6),
        depthwise_inputs(size, kernel),
    )


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (0, 1)])
def test_only_the_gradients_that_are_asked_for_are_computed(wanted: tuple[int, ...]) -> None:
    inputs = [torch.randn(1, 4, 6, 6), torch.randn(4, 1, 3, 3), torch.randn(4)]
    check_asked_for(lambda maps, weight, bias: dilated_depthwise(maps, weight, bias, 2), inputs, wanted)


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
def test_the_fast_gradients_are_taken_where_one_is_wanted(autocast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def counting(maps: Tensor, *arguments: Any) -> Tensor:
        taken.append(maps.dtype)
        return dilated_depthwise(maps, *arguments)

    monkeypatch.setattr(depthwise, "dilated_depthwise", counting)
    network = nn.Sequential(nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8))
    plain = copy.deepcopy(network)
    use_fast_depthwise(network)
    images = torch.randn(1, 8, 15, 14)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        network(images).float().square().sum().backward()
        plain(images).float().square().sum().backward()
        with torch.no_grad():
            network(images)
    assert taken == [torch.bfloat16 if autocast else torch.float32]
    tolerance = 0.02 if autocast else 1e-5
    for mine, theirs in zip(network.parameters(), plain.parameters(), strict=True):
        assert mine.grad is not None and theirs.grad is not None
        assert (mine.grad - theirs.grad).norm() <= tolerance * theirs.grad.norm()
