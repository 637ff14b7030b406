"""TensorFlow's SAME padding in integer arithmetic, so that it can be exported for any size.

timm works the padding out with a quotient of floats, which no exporter of sizes known only at run time takes.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.helpers import to_2tuple
from timm.layers.pool2d_same import AvgPool2dSame, MaxPool2dSame
from torch import Tensor, nn

from sceneparse.networks.exact.depthwise import as_computed, computed_type, is_depthwise, is_strided, learns
from sceneparse.networks.exact.strided_depthwise import strided_depthwise


def pad_same(
    maps: Tensor, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int] = (1, 1), value: float = 0.0
) -> Tensor:
    """Pad maps so that a kernel gives ceil(size / stride) values; an odd row or column comes last.

    Args:
        maps: (N, C, H, W).
        kernel: Rows and columns.
        stride: Down and across.
        dilation: Down and across.
        value: What is padded with.
    """
    return F.pad(maps, same_padding(maps, kernel, stride, dilation), value=value)


def same_padding(
    maps: Tensor, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int] = (1, 1)
) -> list[int]:
    """Return what `pad_same` pads on the left, on the right, above and below."""
    padding: list[int] = []
    for axis in (1, 0):  # F.pad starts from the last side
        size, step = maps.shape[2 + axis], stride[axis]
        reach = (kernel[axis] - 1) * dilation[axis] + 1
        total = ((size + step - 1) // step - 1) * step + reach - size
        # With a kernel that reaches over its stride this is never below zero.
        total = total if reach >= step else max(total, 0)
        padding += [total // 2, total - total // 2]
    return padding


class ExportableConv2dSame(Conv2dSame):
    """timm's convolution with SAME padding, in a form that can be exported for any size."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (N, C, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        maps = pad_same(x, self.kernel_size, self.stride, self.dilation)
        return F.conv2d(maps, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


class StridedDepthwiseSame(ExportableConv2dSame):
    """A depthwise one with a stride, which trains fast on a CPU in bfloat16; it is as it was otherwise."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (N, C, H, W) to (N, C, ceil(H / stride), ceil(W / stride))."""
        if not learns(self, x) or computed_type(x) != torch.bfloat16:
            return super().forward(x)
        return strided_depthwise(*as_computed(self, x), self.stride, same_padding(x, self.kernel_size, self.stride))


class ExportableAvgPool2dSame(AvgPool2dSame):
    """timm's average pooling with SAME padding (the shortcuts of dilated ResNet-D)."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool (N, C, H, W) to (N, C, ceil(H / stride), ceil(W / stride))."""
        kernel, stride = to_2tuple(self.kernel_size), to_2tuple(self.stride)
        return F.avg_pool2d(pad_same(x, kernel, stride), kernel, stride, 0, self.ceil_mode, self.count_include_pad)


class ExportableMaxPool2dSame(MaxPool2dSame):
    """timm's max pooling with SAME padding."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool (N, C, H, W) to (N, C, ceil(H / stride), ceil(W / stride))."""
        sides = (to_2tuple(self.kernel_size), to_2tuple(self.stride), to_2tuple(self.dilation))
        maps = pad_same(x, *sides, -float("inf"))
        return F.max_pool2d(maps, self.kernel_size, self.stride, 0, self.dilation, self.ceil_mode)


EXPORTABLE: dict[type[nn.Module], type[nn.Module]] = {
    Conv2dSame: ExportableConv2dSame,
    AvgPool2dSame: ExportableAvgPool2dSame,
    MaxPool2dSame: ExportableMaxPool2dSame,
}


def use_exportable_padding(network: nn.Module) -> None:
    """Replace every SAME-padded layer of a network by one that can be exported; weights and names stay."""
    for module in network.modules():
        if exportable := EXPORTABLE.get(type(module)):
            module.__class__ = exportable


def use_fast_same_depthwise(network: nn.Module) -> None:
    """Let, in place, depthwise convolutions with a stride and SAME padding train fast on a CPU, as others do."""
    for module in network.modules():
        if type(module) is ExportableConv2dSame and is_depthwise(module) and is_strided(module):
            module.__class__ = StridedDepthwiseSame
