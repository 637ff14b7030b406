import pytest
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import nn

from sceneparse.networks.same_padding import use_exportable_padding


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (16, 9), (17, 32)])
@pytest.mark.parametrize(
    ("kernel", "stride", "dilation"), [(3, 2, 1), (5, 2, 1), (3, 1, 2), (1, 2, 1), (3, 2, 2), (7, 4, 1)]
)
def test_it_pads_as_timm_does(size: tuple[int, int], kernel: int, stride: int, dilation: int) -> None:
    torch.manual_seed(0)
    layer = Conv2dSame(2, 3, kernel, stride=stride, dilation=dilation)
    images = torch.randn(1, 2, *size)
    expected = layer(images)
    network = nn.Sequential(layer)
    use_exportable_padding(network)
    assert type(network[0]) is not Conv2dSame
    torch.testing.assert_close(network(images), expected, rtol=0, atol=0)
