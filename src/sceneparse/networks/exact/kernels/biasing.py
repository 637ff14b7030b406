"""Add a bias in float32 to maps in a 16-bit format, in place, rounding once.

PyTorch's own sum of two formats converts number by number, without reading several at a time.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from sceneparse.networks.exact.kernels.sides import on

WIDEST = 256
"""Channels that a program adds to at most."""

AT_ONCE = 2048
"""Numbers that a program changes."""


def add_bias_(maps: Tensor, bias: Tensor) -> Tensor:
    """Add a bias to maps, in place, and return them.

    Args:
        maps: (N, C, h, w), channels-last.
        bias: (C,) float32.
    """
    count, channels, height, width = maps.shape
    block = min(triton.next_power_of_2(channels), WIDEST)
    pixels = max(1, AT_ONCE // block)
    grid = (triton.cdiv(count * height * width, pixels), triton.cdiv(channels, block))
    with on(maps):
        _biased[grid](maps, bias, count * height * width, channels, PIXELS=pixels, BLOCK=block, num_warps=4)
    return maps


def takes(maps: Tensor) -> bool:
    """Return whether maps lie in memory as the kernel wants them."""
    return maps.is_contiguous(memory_format=torch.channels_last) and maps.numel() > 0


@triton.jit(do_not_specialize=["count"])
def _biased(
    maps: tl.tensor,
    bias: tl.tensor,
    count: tl.tensor,
    channels: tl.tensor,
    PIXELS: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    channel = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    place = maps + pixel.to(tl.int64)[:, None] * channels + channel[None, :]
    known = (pixel < count)[:, None] & (channel < channels)[None, :]
    added = tl.load(bias + channel, mask=channel < channels, other=0.0)
    value = tl.load(place, mask=known, other=0.0).to(tl.float32) + added[None, :]
    tl.store(place, value.to(maps.dtype.element_ty), mask=known)
