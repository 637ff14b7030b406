from collections.abc import Callable

import pytest
import torch
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.pool2d_same import AvgPool2dSame, MaxPool2dSame
from torch import nn

from sceneparse.networks.backbones.same_padding import use_exportable_padding


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (16, 9), (17, 32)])
@pytest.mark.parametrize(
    "make",
    [
        *(
            lambda arguments=arguments: Conv2dSame(2, 3, arguments[0], stride=arguments[1], dilation=arguments[2])
            for arguments in [(3, 2, 1), (5, 2, 1), (3, 1, 2), (1, 2, 1), (3, 2, 2), (7, 4, 1)]
        ),
        lambda: AvgPool2dSame(2, 1, count_include_pad=False),
        lambda: AvgPool2dSame(2, 2),
        lambda: MaxPool2dSame(3, 2),
    ],
)
def test_it_pads_as_timm_does(size: tuple[int, int], make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    layer = make()
    images = torch.randn(1, 2, *size)
    expected, before = layer(images), type(layer)
    network = nn.Sequential(layer)
    use_exportable_padding(network)
    assert type(network[0]) is not before
    torch.testing.assert_close(network(images), expected, rtol=0, atol=0)
