"""Convolution in a 16-bit format with its bias in float32.

Folded into a convolution, a batch norm leaves a bias that is as large as the values are. Rounded to 8 bits, it is wrong
by the same amount at every pixel of the map, which no sum averages out: in a PSPNet it moves as many labels as the
rounding of all weights does.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneparse.networks.exact.kernels.usable import launchable


class FullBiasConv2d(nn.Conv2d):
    """A convolution whose weight is in a 16-bit format and whose bias is in float32; for inference alone."""

    @classmethod
    def become(cls, convolution: nn.Conv2d, dtype: torch.dtype) -> None:
        """Turn a plain `nn.Conv2d`, in place, into one of these."""
        assert type(convolution) is nn.Conv2d
        convolution.weight = nn.Parameter(convolution.weight.detach().to(dtype), requires_grad=False)
        convolution.__class__ = cls

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: A002 - torch's name
        if self.padding_mode != "zeros":
            sides = self._reversed_padding_repeated_twice
            return full_bias_conv2d(F.pad(input, sides, self.padding_mode), weight, bias, self.stride, (0, 0))
        return full_bias_conv2d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


def full_bias_conv2d(
    maps: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: tuple[int, ...] = (1, 1),
    padding: tuple[int, ...] | str = (0, 0),
    dilation: tuple[int, ...] = (1, 1),
    groups: int = 1,
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

    Returns:
        (N, O, h', w') of the weight's type.
    """
    maps = maps.to(weight.dtype)
    if bias is None or bias.dtype == weight.dtype:
        return F.conv2d(maps, weight, bias, stride, padding, dilation, groups)
    if torch.compiler.is_compiling():
        # Who compiles puts the sum into whatever comes next.
        sums = F.conv2d(maps, weight, None, stride, padding, dilation, groups) + bias.view(-1, 1, 1)
        return sums.to(weight.dtype)
    if _in_one_dnn(maps) and not isinstance(padding, str):
        # What F.conv2d itself calls; F.conv2d alone wants weight and bias to be of one type.
        found: Tensor = torch.ops.aten.mkldnn_convolution(maps, weight, bias, padding, stride, dilation, groups)
        return found
    sums = F.conv2d(maps, weight, None, stride, padding, dilation, groups)
    return added(sums, bias)


def added(maps: Tensor, bias: Tensor) -> Tensor:
    """Add a bias (O,) in float32 to maps (N, O, h, w) in a 16-bit format, in place, and return them."""
    if bias.dtype == torch.float32 and launchable(maps.device):
        from sceneparse.networks.exact.kernels.biasing import add_bias_, takes

        if takes(maps):
            return add_bias_(maps, bias)
    return maps.add_(bias.view(-1, 1, 1))


def _in_one_dnn(maps: Tensor) -> bool:
    """Whether oneDNN computes in the maps' format on this machine."""
    if maps.device.type != "cpu" or maps.numel() == 0 or not torch.backends.mkldnn.is_available():
        return False
    known = torch.ops.mkldnn
    supported = known._is_mkldnn_bf16_supported if maps.dtype == torch.bfloat16 else known._is_mkldnn_fp16_supported
    return bool(torch.backends.mkldnn.enabled) and bool(supported())
