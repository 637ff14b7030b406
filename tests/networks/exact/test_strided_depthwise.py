"""Depthwise convolutions with a stride: plain numbers, by gradients that are fast in bfloat16."""

import copy
from typing import Any

import pytest
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn
from torch.nn import functional as F

from sceneparse.inference.lowering import lower_precision
from sceneparse.networks.backbones import make_backbone, same_padding
from sceneparse.networks.backbones.same_padding import (
    StridedDepthwiseSame,
    use_exportable_padding,
    use_fast_same_depthwise,
)
from sceneparse.networks.exact import depthwise
from sceneparse.networks.exact.depthwise import StridedDepthwise, use_fast_depthwise
from sceneparse.networks.exact.full_bias import FullBiasConv2d
from sceneparse.networks.exact.strided_depthwise import strided_depthwise
from tests.support.gradients import check_asked_for, check_like, depthwise_inputs

EVEN, SAME, FIRST, MUCH = (1, 1, 1, 1), (0, 1, 0, 1), (1, 0, 1, 0), (0, 2, 1, 2)
"""Paddings: on the left, on the right, above, below."""


@pytest.mark.parametrize("size", [(13, 11), (16, 16), (12, 9), (6, 5)])
@pytest.mark.parametrize("stride", [(2, 2), (3, 3), (2, 1)])
@pytest.mark.parametrize("kernel", [3, 4, 5])
@pytest.mark.parametrize("padding", [(0, 0, 0, 0), EVEN, SAME, FIRST, MUCH])
def test_result_and_gradients_equal_the_plain_convolution_s(
    size: tuple[int, int], stride: tuple[int, int], kernel: int, padding: tuple[int, int, int, int]
) -> None:
    check_like(
        lambda maps, weight, bias: strided_depthwise(maps, weight, bias, stride, padding),
        lambda maps, weight, bias: F.conv2d(F.pad(maps, padding), weight, bias, stride, groups=6),
        depthwise_inputs(size, kernel),
    )


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (0, 1)])
def test_only_the_gradients_that_are_asked_for_are_computed(wanted: tuple[int, ...]) -> None:
    inputs = [torch.randn(1, 4, 6, 6), torch.randn(4, 1, 3, 3), torch.randn(4)]
    check_asked_for(lambda maps, weight, bias: strided_depthwise(maps, weight, bias, (2, 2), SAME), inputs, wanted)


@pytest.mark.parametrize("padding", [EVEN, SAME])
def test_results_and_gradients_stay_channels_last(padding: tuple[int, int, int, int]) -> None:
    maps = torch.randn(2, 8, 12, 16).contiguous(memory_format=torch.channels_last).requires_grad_()
    result = strided_depthwise(maps, torch.randn(8, 1, 3, 3), None, (2, 2), padding)
    (gradient,) = torch.autograd.grad(result, maps, torch.randn_like(result))
    for one in (result, gradient):
        assert one.is_contiguous(memory_format=torch.channels_last)


def layers() -> nn.Sequential:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8, bias=False),
        Conv2dSame(8, 8, 3, stride=2, groups=8),
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.Conv2d(8, 8, 3, stride=2, padding=1),
        nn.Conv2d(8, 8, 3, stride=2, padding=2, dilation=2, groups=8),
        nn.Conv2d(8, 8, 1, stride=2, padding=1, groups=8),
        nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8, padding_mode="reflect"),
    )
    use_exportable_padding(network)
    return network


def test_only_strided_depthwise_convolutions_are_replaced_and_names_stay() -> None:
    network = layers()
    before = copy.deepcopy(network)
    use_fast_depthwise(network)
    use_fast_same_depthwise(network)
    plain = [nn.Conv2d] * 5
    assert [type(layer) for layer in network] == [StridedDepthwise, StridedDepthwiseSame, *plain]
    assert list(network.state_dict()) == list(before.state_dict())
    images = torch.randn(1, 8, 61, 70)
    assert torch.equal(network(images), before(images)), "in float32 they are what they were"


@pytest.mark.parametrize("autocast", [False, True])
def test_they_are_taken_in_bfloat16_where_a_gradient_is_wanted(autocast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def counting(maps: Tensor, *arguments: Any) -> Tensor:
        taken.append(maps.dtype)
        return strided_depthwise(maps, *arguments)

    for module in (depthwise, same_padding):
        monkeypatch.setattr(module, "strided_depthwise", counting)
    network = layers()[:2]
    plain = copy.deepcopy(network)
    use_fast_depthwise(network)
    use_fast_same_depthwise(network)
    images = torch.randn(1, 8, 61, 70)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        network(images).float().square().sum().backward()
        plain(images).float().square().sum().backward()
        with torch.no_grad():
            network(images)
    assert taken == [torch.bfloat16] * 2 * autocast
    for mine, theirs in zip(network.parameters(), plain.parameters(), strict=True):
        assert mine.grad is not None and theirs.grad is not None
        assert (mine.grad - theirs.grad).norm() <= (0.02 if autocast else 0) * theirs.grad.norm()


@pytest.mark.parametrize("padding", ["symmetric", "same"])
def test_backbones_at_every_stride_have_them(padding: Any) -> None:
    kind = StridedDepthwise if padding == "symmetric" else StridedDepthwiseSame
    for stride, count in ((32, 4), (8, 2)):
        backbone = make_backbone("mobilenetv2_050", output_stride=stride, padding=padding)
        assert sum(type(module) is kind for module in backbone.modules()) == count


def test_a_network_that_learns_no_more_has_plain_ones() -> None:
    network = layers()[:2].append(nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8))
    use_fast_depthwise(network)
    use_fast_same_depthwise(network)
    lower_precision(network, torch.bfloat16)
    assert [type(layer) for layer in network] == [FullBiasConv2d, StridedDepthwiseSame, FullBiasConv2d]
    assert network[2].weight.dtype == torch.bfloat16 and network[2].bias.dtype == torch.float32
