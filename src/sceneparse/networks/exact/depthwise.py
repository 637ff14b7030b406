"""Dilated depthwise convolution that trains fast on a CPU.

In bfloat16 the gradient of a dilated depthwise convolution has no fast kernel there. But output pixels whose rows and
columns agree modulo the dilation d read only input pixels of the same phase: the convolution is d·d independent
ordinary convolutions on maps d times smaller. Gathering the phases into the batch gives the same numbers with the fast
kernel (`benchmarks/depthwise.py`).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def depthwise_by_phases(maps: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    """Compute a depthwise convolution with stride 1 that keeps the size phase by phase; exact, under autograd.

    Args:
        maps: (N, C, H, W), fastest in channels-last memory.
        weight: (C, 1, k, k) with odd k.
        bias: (C,) or None.
        dilation: d; the padding is d·(k-1)/2 on each side.

    Returns:
        (N, C, H, W), channels-last.
    """
    count, channels, height, width = maps.shape
    # Zeros beyond the border are what the convolution's own padding would have shown.
    bottom, right = -height % dilation, -width % dilation
    if bottom or right:
        maps = F.pad(maps, (0, right, 0, bottom))
    rows, columns = (height + bottom) // dilation, (width + right) // dilation
    phases = (
        maps.permute(0, 2, 3, 1)
        .reshape(count, rows, dilation, columns, dilation, channels)
        .permute(0, 2, 4, 1, 3, 5)
        .reshape(count * dilation**2, rows, columns, channels)
        .permute(0, 3, 1, 2)
    )
    phases = F.conv2d(phases, weight, bias, padding=weight.shape[-1] // 2, groups=channels)
    whole = (
        phases.permute(0, 2, 3, 1)
        .reshape(count, dilation, dilation, rows, columns, channels)
        .permute(0, 3, 1, 4, 2, 5)
        .reshape(count, rows * dilation, columns * dilation, channels)
        .permute(0, 3, 1, 2)
    )
    return whole[:, :, :height, :width]


class DilatedDepthwise(nn.Conv2d):
    """A dilated depthwise `nn.Conv2d` that trains fast in bfloat16 on a CPU.

    It computes by phases where a gradient in bfloat16 is wanted on a CPU, and as `nn.Conv2d` elsewhere. In float32 the
    phases are between a little slower and a little faster.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Convolve (N, C, H, W) to the same shape."""
        if (
            input.device.type == "cpu"
            and torch.is_grad_enabled()
            and (input.requires_grad or self.weight.requires_grad)
            and torch.bfloat16 in (input.dtype, torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu"))
        ):
            return depthwise_by_phases(input, self.weight, self.bias, int(self.dilation[0]))
        return super().forward(input)


def use_fast_depthwise(network: nn.Module) -> None:
    """Replace, in place, every dilated depthwise convolution that `DilatedDepthwise` can compute; names stay."""
    for module in network.modules():
        for name, child in module.named_children():
            if type(child) is nn.Conv2d and _fits(child):
                fast = DilatedDepthwise(
                    child.in_channels,
                    child.out_channels,
                    child.kernel_size[0],
                    padding=child.dilation[0] * (child.kernel_size[0] // 2),
                    dilation=child.dilation[0],
                    groups=child.groups,
                    bias=child.bias is not None,
                    device="meta",
                )
                fast.weight, fast.bias = child.weight, child.bias
                setattr(module, name, fast)


def _fits(conv: nn.Conv2d) -> bool:
    kernel, dilation = conv.kernel_size[0], conv.dilation[0]
    return (
        conv.groups == conv.in_channels == conv.out_channels
        and conv.stride == (1, 1)
        and dilation > 1
        and conv.dilation == (dilation, dilation)
        and conv.kernel_size == (kernel, kernel)
        and kernel % 2 == 1
        and conv.padding == (dilation * (kernel // 2),) * 2
        and conv.padding_mode == "zeros"
    )
