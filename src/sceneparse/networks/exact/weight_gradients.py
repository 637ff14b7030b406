"""Convolutions whose weights' gradients are fast on processors without AVX512: the same sums as matrix products.

On such a processor oneDNN takes up to three times as long for the gradient of a wide kernel's weights, of maps in
channels-last memory, as for that of the maps, which is as much arithmetic. It is a product for each tap: of the
result's gradient, pixels by outputs, and the maps, shifted pixels by inputs. The shifts along a row are laid side by
side, with zeros where there is no pixel; then a shift by rows is an offset into them, and each row of taps is one
product of matrices, which takes what its arithmetic takes (`benchmarks/weight_gradients.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode

from sceneparse.networks.exact.convolution import arrange, arranged_concat_conv2d, concat_conv2d

LEAST_CHANNELS, LEAST_PIXELS = 16, 768
"""Below them there is nothing to gain."""

Sides = tuple[int, int]


class _Convolved(torch.autograd.Function):
    """A convolution that keeps the maps' size; see `weight_gradient`."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor | None, dilation: Sides) -> Tensor:
        ctx.save_for_backward(maps, weight)
        ctx.dilation = dilation
        return F.conv2d(maps, weight, bias, 1, _around(weight, dilation), dilation)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        maps, weight = ctx.saved_tensors
        of_maps, of_weight, of_bias, _ = ctx.needs_input_grad
        return (
            _maps_gradient(maps, weight, gradient, ctx.dilation) if of_maps else None,
            weight_gradient(maps, weight, gradient, ctx.dilation) if of_weight else None,
            gradient.sum((0, 2, 3)) if of_bias else None,
            None,
        )


def _around(weight: Tensor, dilation: Sides) -> list[int]:
    """The padding that keeps the maps' size."""
    return [step * (taps // 2) for step, taps in zip(dilation, weight.shape[-2:], strict=True)]


def _maps_gradient(maps: Tensor, weight: Tensor, gradient: Tensor, dilation: Sides) -> Tensor:
    of_maps: Tensor = torch.ops.aten.convolution_backward(
        gradient,
        maps,
        weight,
        None,
        [1, 1],
        _around(weight, dilation),
        list(dilation),
        False,
        [0, 0],
        1,
        [True, False, False],
    )[0]
    return of_maps


def weight_gradient(maps: Tensor, weight: Tensor, gradient: Tensor, dilation: Sides) -> Tensor:
    """Return the gradient of the weights of a convolution with stride 1 that keeps the maps' size.

    Args:
        maps: (N, C, H, W), what was convolved; without a copy if they are channels-last.
        weight: (O, C, k, l), k and l odd.
        gradient: (N, O, H, W), that of the result; likewise.
        dilation: Down and across; the padding is half of the kernel times that.

    Returns:
        (O, C, k, l), channels-last.
    """
    _, channels, height, width = maps.shape
    out, _, rows, columns = weight.shape
    down, across = dilation
    above = down * (rows // 2)
    # What lies outside of the map is never written: it stays zero for all pictures.
    beside = maps.new_zeros(height + 2 * above, width, columns, channels)
    inside = beside[above : above + height]
    lines = beside.view(height + 2 * above, width, columns * channels)
    sums = maps.new_zeros(rows, out, columns * channels)
    for picture, its_gradient in zip(maps.permute(0, 2, 3, 1), gradient.permute(0, 2, 3, 1), strict=True):
        for column in range(columns):
            shift = across * (column - columns // 2)
            first, last = max(-shift, 0), width - max(shift, 0)
            if first < last:
                inside[:, first:last, column] = picture[:, first + shift : last + shift]
        outputs = its_gradient.reshape(height * width, out).t()
        for row, into in enumerate(sums):
            seen = lines[row * down : row * down + height]
            into.addmm_(outputs, seen.reshape(height * width, columns * channels))
    return sums.view(rows, out, columns, channels).permute(1, 3, 0, 2)


def is_slow_without() -> bool:
    """Return whether this processor computes gradients of weights faster by `weight_gradient`.

    What PyTorch's own kernels use tells: no more than AVX2, on the processors that have no more, and where
    ATEN_CPU_CAPABILITY says so.
    """
    return torch.backends.cpu.get_cpu_capability() == "AVX2"


class FastWeightGradients(TorchFunctionMode):
    """While it is entered, convolutions on a CPU take their weights' gradients by `weight_gradient` where that pays.

    It is for the forward pass of a training step in float32; nothing changes where a convolution has a stride or
    groups, or computes in another type.
    """

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Compute a function of torch; a convolution that it is for, by our own gradient."""
        kwargs = kwargs or {}
        if func is F.conv2d:
            return _conv2d(*args, **kwargs)
        if func is concat_conv2d:
            # A mode isn't asked for what is called on its behalf.
            with FastWeightGradients():
                return _concat_conv2d(*args, **kwargs)
        return func(*args, **kwargs)


def _conv2d(
    input: Tensor,  # noqa: A002 - the names in torch.nn.functional.conv2d
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: str | int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    steps = _sides(dilation)
    if (
        groups == 1
        and _sides(stride) == (1, 1)
        and not isinstance(padding, str)
        and all(taps % 2 for taps in weight.shape[-2:])
        and list(_sides(padding)) == _around(weight, steps)
        and _is_worth(input, weight)
    ):
        result: Tensor = _Convolved.apply(input, weight, bias, steps)
        return result
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)


def _concat_conv2d(maps: Sequence[Tensor], weight: Tensor, bias: Tensor | None, align_corners: bool) -> Tensor:
    return arranged_concat_conv2d(maps, arrange(weight, [one.shape[1] for one in maps]), bias, align_corners)


def _sides(given: int | Sequence[int]) -> Sides:
    """What is given for both sides, or for each."""
    if isinstance(given, int):
        return given, given
    return (given[0], given[-1])


def _is_worth(maps: Tensor, weight: Tensor) -> bool:
    return (
        maps.device.type == "cpu"
        and maps.dtype == weight.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and weight.requires_grad
        and torch.is_grad_enabled()
        and maps.ndim == 4
        and weight.shape[-2] * weight.shape[-1] > 1
        and min(weight.shape[:2]) >= LEAST_CHANNELS
        and maps.shape[-2] * maps.shape[-1] >= LEAST_PIXELS
    )
