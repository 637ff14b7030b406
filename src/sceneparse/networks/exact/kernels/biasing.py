"""What follows a convolution in a 16-bit format, in place, in one reading and one writing, and rounded once.

A bias in float32, a shortcut and an activation: as PyTorch's own kernels each of these reads and writes the whole map,
which on a GPU takes as long as the convolution itself, and its sum of two formats converts number by number.
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


def add_bias_(
    maps: Tensor, bias: Tensor, shortcut: Tensor | None = None, least: float | None = None, most: float | None = None
) -> Tensor:
    """Add a bias to maps, and a shortcut if there is one; cut the sums; in place. Return the maps.

    Args:
        maps: (N, C, h, w), channels-last.
        bias: (C,) float32.
        shortcut: As the maps.
        least: What no sum is less than; None: they may be.
        most: What no sum is more than, where there is a least; None: they may be.
    """
    count, channels, height, width = maps.shape
    block = min(triton.next_power_of_2(channels), WIDEST)
    pixels = max(1, AT_ONCE // block)
    grid = (triton.cdiv(count * height * width, pixels), triton.cdiv(channels, block))
    with on(maps):
        _biased[grid](
            maps,
            bias,
            maps if shortcut is None else shortcut,
            count * height * width,
            channels,
            LEAST=least,
            MOST=most,
            SHORTCUT=shortcut is not None,
            PIXELS=pixels,
            BLOCK=block,
            num_warps=4,
        )
    return maps


def takes(maps: Tensor) -> bool:
    """Return whether maps lie in memory as the kernel wants them."""
    return maps.is_contiguous(memory_format=torch.channels_last) and maps.numel() > 0


@triton.jit(do_not_specialize=["count"])
def _biased(
    maps: tl.tensor,
    bias: tl.tensor,
    shortcut: tl.tensor,
    count: tl.tensor,
    channels: tl.tensor,
    LEAST: tl.constexpr,
    MOST: tl.constexpr,
    SHORTCUT: tl.constexpr,
    PIXELS: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    channel = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    place = pixel.to(tl.int64)[:, None] * channels + channel[None, :]
    known = (pixel < count)[:, None] & (channel < channels)[None, :]
    added = tl.load(bias + channel, mask=channel < channels, other=0.0)
    value = tl.load(maps + place, mask=known, other=0.0).to(tl.float32) + added[None, :]
    if SHORTCUT:
        value += tl.load(shortcut + place, mask=known, other=0.0).to(tl.float32)
    # Comparisons let NaN through, as PyTorch's activations do; maximum and minimum would hide it.
    if LEAST is not None:
        value = tl.where(value < LEAST, LEAST, value)
    if MOST is not None:
        value = tl.where(value > MOST, MOST, value)
    tl.store(maps + place, value.to(maps.dtype.element_ty), mask=known)
