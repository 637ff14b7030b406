"""Depthwise convolutions that train fast on a CPU.

oneDNN, which computes convolutions there, has fast kernels for every depthwise convolution, but not for all gradients.

A dilated one has none for either. That of the maps is another such convolution, by the mirrored kernel. That of the
weights falls apart: output pixels whose rows and columns agree modulo the dilation d read only input pixels of the same
phase, so the convolution is d·d independent ordinary ones on maps d times smaller, whose gradients add up. Gathering
the phases into the batch gives the same numbers (`benchmarks/depthwise.py`).

What is done of one with a stride stands in `strided_depthwise`.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from sceneparse.networks.exact.strided_depthwise import gradient_of_weight, strided_depthwise


class _Depthwise(torch.autograd.Function):
    """See `dilated_depthwise`."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
        ctx.save_for_backward(maps, weight)
        ctx.dilation = dilation
        return _convolved(maps, weight, bias, dilation)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        maps, weight = ctx.saved_tensors
        of_maps, of_weight, of_bias, _ = ctx.needs_input_grad
        return (
            _convolved(gradient, weight.flip(-1, -2), None, ctx.dilation) if of_maps else None,
            _gradient_of_weight(maps, weight, gradient, ctx.dilation) if of_weight else None,
            gradient.sum((0, 2, 3)) if of_bias else None,
            None,
        )


def dilated_depthwise(maps: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    """Compute a depthwise convolution with stride 1 that keeps the size; exact, with fast gradients on a CPU.

    Args:
        maps: (N, C, H, W), fastest in channels-last memory.
        weight: (C, 1, k, k) with odd k, of the maps' type.
        bias: (C,) or None.
        dilation: d; the padding is d·(k-1)/2 on each side.

    Returns:
        (N, C, H, W).
    """
    result: Tensor = _Depthwise.apply(maps, weight, bias, dilation)
    return result


def _convolved(maps: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    padding = dilation * (weight.shape[-1] // 2)
    return F.conv2d(maps, weight, bias, padding=padding, dilation=dilation, groups=len(weight))


def _gradient_of_weight(maps: Tensor, weight: Tensor, gradient: Tensor, dilation: int) -> Tensor:
    """The gradient of the weights, by the ordinary convolutions of the phases."""
    around = (weight.shape[-1] // 2,) * 4
    return gradient_of_weight(_phases(maps, dilation), weight, _phases(gradient, dilation), (1, 1), around)


def _phases(maps: Tensor, dilation: int) -> Tensor:
    """Gather (N, C, H, W) into (N·d·d, C, ⌈H / d⌉, ⌈W / d⌉), channels-last, with zeros beyond the border."""
    count, channels, height, width = maps.shape
    # They are what the convolution's own padding would have shown; of a gradient, they count for nothing.
    bottom, right = -height % dilation, -width % dilation
    if bottom or right:
        maps = F.pad(maps, (0, right, 0, bottom))
    rows, columns = (height + bottom) // dilation, (width + right) // dilation
    return (
        maps.permute(0, 2, 3, 1)
        .reshape(count, rows, dilation, columns, dilation, channels)
        .permute(0, 2, 4, 1, 3, 5)
        .reshape(count * dilation**2, rows, columns, channels)
        .permute(0, 3, 1, 2)
    )


class DilatedDepthwise(nn.Conv2d):
    """A dilated depthwise `nn.Conv2d` that trains fast on a CPU; elsewhere, or without gradients, it is as it was."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Convolve (N, C, H, W) to the same shape."""
        if not learns(self, input):
            return super().forward(input)
        return dilated_depthwise(*as_computed(self, input), int(self.dilation[0]))


class StridedDepthwise(nn.Conv2d):
    """A depthwise `nn.Conv2d` with a stride that trains fast on a CPU in bfloat16; it is as it was otherwise."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Convolve (N, C, H, W) as ever."""
        if not learns(self, input) or computed_type(input) != torch.bfloat16:
            return super().forward(input)
        assert not isinstance(self.padding, str)
        rows, columns = self.padding
        return strided_depthwise(*as_computed(self, input), self.stride, (columns, columns, rows, rows))


def learns(convolution: nn.Conv2d, maps: Tensor) -> bool:
    """Whether there will be a gradient, on a CPU."""
    return (
        maps.device.type == "cpu"
        and torch.is_grad_enabled()
        and (maps.requires_grad or convolution.weight.requires_grad)
        and not torch.compiler.is_compiling()
    )


def computed_type(maps: Tensor) -> torch.dtype:
    """The number format that a convolution of these maps computes in."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else maps.dtype


def as_computed(convolution: nn.Conv2d, maps: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
    """Maps, weight and bias in the format that is computed in; a function of our own isn't on autocast's list."""
    weight, bias = convolution.weight, convolution.bias
    if not torch.is_autocast_enabled("cpu"):
        return maps, weight, bias
    dtype = torch.get_autocast_dtype("cpu")
    return maps.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)


def use_fast_depthwise(network: nn.Module) -> None:
    """Let, in place, depthwise convolutions of a network train fast on a CPU; weights and names stay."""
    for module in network.modules():
        if type(module) is nn.Conv2d and is_depthwise(module):
            if _keeps_size(module):
                module.__class__ = DilatedDepthwise
            elif is_strided(module) and _pads_less_than_kernel(module):
                module.__class__ = StridedDepthwise


def use_plain_depthwise(network: nn.Module) -> None:
    """Undo `use_fast_depthwise`, for a network that learns no more."""
    for module in network.modules():
        if type(module) in (DilatedDepthwise, StridedDepthwise):
            module.__class__ = nn.Conv2d


def is_depthwise(conv: nn.Conv2d) -> bool:
    """Whether each channel of a convolution's result comes of one channel of its maps, and of each comes one."""
    return conv.groups == conv.in_channels == conv.out_channels


def is_strided(conv: nn.Conv2d) -> bool:
    """Whether a depthwise convolution has a stride, as `strided_depthwise` computes it."""
    return max(conv.stride) > 1 and conv.dilation == (1, 1) and conv.padding_mode == "zeros"


def _keeps_size(conv: nn.Conv2d) -> bool:
    """Whether a depthwise convolution is dilated and keeps the size of maps."""
    kernel, dilation = conv.kernel_size[0], conv.dilation[0]
    return (
        conv.stride == (1, 1)
        and dilation > 1
        and conv.dilation == (dilation, dilation)
        and conv.kernel_size == (kernel, kernel)
        and kernel % 2 == 1
        and conv.padding == (dilation * (kernel // 2),) * 2
        and conv.padding_mode == "zeros"
    )


def _pads_less_than_kernel(conv: nn.Conv2d) -> bool:
    return not isinstance(conv.padding, str) and all(
        padding < kernel for padding, kernel in zip(conv.padding, conv.kernel_size, strict=True)
    )
