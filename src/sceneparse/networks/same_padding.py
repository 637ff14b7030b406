"""TensorFlow's SAME padding, in whole numbers."""

import torch.nn.functional as F
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn


class ExportableConv2dSame(Conv2dSame):
    """timm's convolution with SAME padding, as a program for any size can hold it.

    timm works the padding out with a quotient of floats, which no exporter of sizes known only at run time takes.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        padding: list[int] = []
        for axis in (1, 0):  # F.pad starts from the last side
            size, stride = x.shape[2 + axis], self.stride[axis]
            reach = (self.kernel_size[axis] - 1) * self.dilation[axis] + 1
            total = ((size + stride - 1) // stride - 1) * stride + reach - size
            # A kernel that reaches over its stride always needs some, or none: no smaller value can come out.
            total = total if reach >= stride else max(total, 0)
            padding += [total // 2, total - total // 2]
        return F.conv2d(F.pad(x, padding), self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


def use_exportable_padding(network: nn.Module) -> None:
    """Make every SAME-padded convolution of a network one that can be exported; weights and names stay."""
    for module in network.modules():
        if type(module) is Conv2dSame:
            module.__class__ = ExportableConv2dSame
