"""Depthwise convolution with a stride whose gradient is fast on a CPU in bfloat16.

oneDNN, which computes convolutions there, has fast kernels for all of it but the gradient of the maps in bfloat16: a
general one takes that channel by channel, some ten times slower than in float32. With zeros between its pixels the
result's gradient, convolved by the mirrored kernel at stride 1, is that of the maps: the same sums by a fast kernel
(`benchmarks/depthwise.py`).
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


class _Strided(torch.autograd.Function):
    """See `strided_depthwise`."""

    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor | None, stride: Sequence[int], padding: Sequence[int]
    ) -> Tensor:
        ctx.save_for_backward(maps, weight)
        ctx.stride, ctx.padding = stride, padding
        return _strided(maps, weight, bias, stride, padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        maps, weight = ctx.saved_tensors
        of_maps, of_weight, of_bias, _, _ = ctx.needs_input_grad
        size = (maps.shape[-2], maps.shape[-1])
        return (
            _spread_and_convolved(gradient, weight, size, ctx.stride, ctx.padding) if of_maps else None,
            gradient_of_weight(maps, weight, gradient, ctx.stride, ctx.padding) if of_weight else None,
            gradient.sum((0, 2, 3)) if of_bias else None,
            None,
            None,
        )


def strided_depthwise(
    maps: Tensor, weight: Tensor, bias: Tensor | None, stride: Sequence[int], padding: Sequence[int]
) -> Tensor:
    """Compute a depthwise convolution with a stride; exact, with gradients that are fast on a CPU in bfloat16.

    Args:
        maps: (N, C, H, W), fastest in channels-last memory.
        weight: (C, 1, k, l), of the maps' type.
        bias: (C,) or None.
        stride: Down and across.
        padding: Zeros on the left, on the right, above and below, as of `torch.nn.functional.pad`; fewer than the
            kernel is long.

    Returns:
        (N, C, (H + above + below - k) // down + 1, …).
    """
    result: Tensor = _Strided.apply(maps, weight, bias, tuple(stride), tuple(padding))
    return result


def _strided(
    maps: Tensor, weight: Tensor, bias: Tensor | None, stride: Sequence[int], padding: Sequence[int]
) -> Tensor:
    left, right, top, bottom = padding
    # A convolution pads alike on both sides. Padded by a stride more, it gives another row first, which is cut off:
    # that is less to copy than maps with uneven padding.
    more = (top < bottom, left < right)
    alike = [before + step * one for before, step, one in zip((top, left), stride, more, strict=True)]
    enough = alike[0] >= bottom and alike[1] >= right
    if enough and all(side < kernel for side, kernel in zip(alike, weight.shape[-2:], strict=True)):
        result = F.conv2d(maps, weight, bias, stride, alike, groups=len(weight))
        rows, columns = _result_size(maps, weight, stride, padding)
        return result[:, :, more[0] : more[0] + rows, more[1] : more[1] + columns].contiguous(
            memory_format=torch.channels_last
        )
    return F.conv2d(F.pad(maps, list(padding)), weight, bias, stride, groups=len(weight))


def _result_size(maps: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int]) -> tuple[int, int]:
    left, right, top, bottom = padding
    rows = (maps.shape[-2] + top + bottom - weight.shape[-2]) // stride[0] + 1
    columns = (maps.shape[-1] + left + right - weight.shape[-1]) // stride[1] + 1
    return rows, columns


def _spread_and_convolved(
    gradient: Tensor, weight: Tensor, size: tuple[int, int], stride: Sequence[int], padding: Sequence[int]
) -> Tensor:
    """The gradient of the maps, of this height and width."""
    left, right, top, bottom = padding
    count, channels, rows, columns = gradient.shape
    sides, first, around = [], [], []
    for side, kernel, before, behind in (
        (size[0], weight.shape[-2], top, bottom),
        (size[1], weight.shape[-1], left, right),
    ):
        # A convolution pads alike on both sides: what it pads too much at the beginning, zeros make up for.
        first.append(max(behind - before, 0))
        around.append(kernel - 1 - max(before, behind))
        sides.append(side + kernel - 1 - 2 * around[-1])
    spread = gradient.new_zeros(count, sides[0], sides[1], channels).permute(0, 3, 1, 2)
    spread[:, :, first[0] :: stride[0], first[1] :: stride[1]][:, :, :rows, :columns] = gradient
    return F.conv2d(spread, weight.flip(-1, -2), padding=around, groups=len(weight))


def gradient_of_weight(
    maps: Tensor, weight: Tensor, gradient: Tensor, stride: Sequence[int], padding: Sequence[int]
) -> Tensor:
    """Return the gradient of the weights of a depthwise convolution without dilation.

    Args:
        maps: (N, C, H, W), what was convolved.
        weight: (C, 1, k, l).
        gradient: That of the result.
        stride: Down and across.
        padding: As of `strided_depthwise`.
    """
    left, right, top, bottom = padding
    same = (left, top) == (right, bottom)
    of_weight: Tensor = torch.ops.aten.convolution_backward(
        gradient,
        maps if same else F.pad(maps, list(padding)),
        weight,
        None,
        list(stride),
        [top, left] if same else [0, 0],
        [1, 1],
        False,
        [0, 0],
        len(weight),
        [False, True, False],
    )[1]
    return of_weight
