"""Convolution in a 16-bit format with its bias in float32.

Folded into a convolution, a batch norm leaves a bias that is as large as the values are. Rounded to 8 bits, it is wrong
by the same amount at every pixel of the map, which no sum averages out: in a PSPNet it moves as many labels as the
rounding of all weights does.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneparse.networks.exact.kernels.usable import launchable


class Bounds(NamedTuple):
    """What no value is less and more than: an activation such as ReLU. None: it may be."""

    least: float | None = None
    most: float | None = None


UNBOUNDED = Bounds()


class FullBiasConv2d(nn.Conv2d):
    """A convolution whose weight is in a 16-bit format and whose bias is in float32; for inference alone.

    What follows it may be computed with it: `bounds` are an activation's, and `with_shortcut` adds a map before that.
    """

    bounds: Bounds = UNBOUNDED

    @classmethod
    def become(cls, convolution: nn.Conv2d, dtype: torch.dtype) -> None:
        """Turn a plain `nn.Conv2d`, in place, into one of these."""
        assert type(convolution) is nn.Conv2d
        convolution.weight = nn.Parameter(convolution.weight.detach().to(dtype), requires_grad=False)
        convolution.__class__ = cls

    def with_shortcut(self, input: Tensor, shortcut: Tensor | None) -> Tensor:  # noqa: A002 - torch's name
        """Convolve maps (N, C, h, w), and add a map of the result's size before the activation."""
        padding: tuple[int, ...] | str = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, self.padding_mode)  # noqa: A001
            padding = (0, 0)
        return full_bias_conv2d(
            input,
            self.weight,
            self.bias,
            self.stride,
            padding,
            self.dilation,
            self.groups,
            shortcut=shortcut,
            bounds=self.bounds,
        )

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Convolve maps (N, C, h, w)."""
        return self.with_shortcut(input, None)


def full_bias_conv2d(
    maps: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: tuple[int, ...] = (1, 1),
    padding: tuple[int, ...] | str = (0, 0),
    dilation: tuple[int, ...] = (1, 1),
    groups: int = 1,
    *,
    shortcut: Tensor | None = None,
    bounds: Bounds = UNBOUNDED,
) -> Tensor:
    """Convolve in the weight's format, and add the bias in the bias's; without a gradient.

    Args:
        maps: (N, C, h, w), of any floating-point type.
        weight: (O, C / groups, k, l).
        bias: (O,) or None.
        stride: As in `torch.nn.functional.conv2d`; so are padding, dilation and groups.
        padding: See there.
        dilation: See there.
        groups: See there.
        shortcut: (N, O, h', w'), added to the result; None: nothing is.
        bounds: What the sums are cut to.

    Returns:
        (N, O, h', w') of the weight's type.
    """
    maps = maps.to(weight.dtype)
    if bias is None or bias.dtype == weight.dtype:
        return _finished(F.conv2d(maps, weight, bias, stride, padding, dilation, groups), shortcut, bounds)
    if torch.compiler.is_compiling():
        # Who compiles puts the sums into whatever comes next.
        sums = F.conv2d(maps, weight, None, stride, padding, dilation, groups) + bias.view(-1, 1, 1)
        return _finished(sums, shortcut, bounds).to(weight.dtype)
    if _in_one_dnn(maps) and not isinstance(padding, str):
        # What F.conv2d itself calls; F.conv2d alone wants weight and bias to be of one type.
        found = torch.ops.aten.mkldnn_convolution(maps, weight, bias, padding, stride, dilation, groups)
        return _finished(found, shortcut, bounds)
    sums = F.conv2d(maps, weight, None, stride, padding, dilation, groups)
    return added(sums, bias, shortcut, bounds)


def added(maps: Tensor, bias: Tensor, shortcut: Tensor | None = None, bounds: Bounds = UNBOUNDED) -> Tensor:
    """Add to maps in a 16-bit format a bias in float32, and a shortcut, and cut the sums; in place. Return the maps.

    Args:
        maps: (N, O, h, w).
        bias: (O,).
        shortcut: As the maps, or None.
        bounds: What the sums are cut to.
    """
    if bias.dtype == torch.float32 and launchable(maps.device):
        from sceneparse.networks.exact.kernels.biasing import add_bias_, takes

        if takes(maps) and (shortcut is None or (takes(shortcut) and _alike(maps, shortcut))):
            return add_bias_(maps, bias, shortcut, *bounds)
    return _finished(maps.add_(bias.view(-1, 1, 1)), shortcut, bounds)


def _alike(maps: Tensor, shortcut: Tensor) -> bool:
    return (maps.shape, maps.dtype, maps.device) == (shortcut.shape, shortcut.dtype, shortcut.device)


def _finished(sums: Tensor, shortcut: Tensor | None, bounds: Bounds) -> Tensor:
    """Add a shortcut to sums that nothing else reads, and cut them."""
    if shortcut is not None:
        sums = sums.add_(shortcut)
    return sums if bounds == UNBOUNDED else sums.clamp_(*bounds)


def _in_one_dnn(maps: Tensor) -> bool:
    """Whether oneDNN computes in the maps' format on this machine."""
    if maps.device.type != "cpu" or maps.numel() == 0 or not torch.backends.mkldnn.is_available():
        return False
    known = torch.ops.mkldnn
    supported = known._is_mkldnn_bf16_supported if maps.dtype == torch.bfloat16 else known._is_mkldnn_fp16_supported
    return bool(torch.backends.mkldnn.enabled) and bool(supported())
