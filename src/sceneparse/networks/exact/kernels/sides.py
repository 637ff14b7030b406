"""Positions of a picture's pixels among those of the small map, in whole numbers.

Neighbouring pixels of the small map are the corners of a cell. Along a side, cell i lies between pixels i - 1 and i; so
there is one more cell than pixels, and the outer ones have the pixel at the edge at both ends. The position of target
pixel p is (scale · p + offset) / divisor: the quotient's whole part is the cell, its fraction the share of the pixel
after it. These are `bilinear.positions`, moved by one.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor


class Side(NamedTuple):
    """The positions along one side, as kernels take them.

    Args:
        source: Pixels of the small map.
        target: Pixels of the picture.
        scale: See above.
        offset: See above.
        divisor: See above.
    """

    source: int
    target: int
    scale: int
    offset: int
    divisor: int


SIDES = [f"{side}_{field}" for side in ("row", "column") for field in Side._fields]
"""Names of the arguments that kernels take two sides by. Kernels are not compiled anew for other values of these."""


def side(source: int, target: int, align_corners: bool) -> Side:
    """Return the positions along a side; `align_corners` as in `resize`."""
    # A single pixel is what all of the target is made of, either way.
    if align_corners and source > 1:
        divisor = max(target - 1, 1)
        return Side(source, target, source - 1, divisor, divisor)
    return Side(source, target, 2 * source, source + target, 2 * target)


def at_once(of: Side) -> int:
    """Return how many pixels along a side a lane works on: a cell's, as far as registers go; a power of two."""
    return min(8, triton.next_power_of_2(-(-of.target // of.source)))


def on(tensor: Tensor) -> AbstractContextManager[object]:
    """Make a tensor's device the one that kernels are launched on."""
    return torch.cuda.device(tensor.device) if tensor.is_cuda else nullcontext()


@triton.jit
def cell_of(pixel: tl.tensor, scale: tl.tensor, offset: tl.tensor, divisor: tl.tensor) -> tl.tensor:
    """Return the cell that a pixel lies in and the share of the small map's pixel after it, 0 or more and below 1."""
    position = pixel * scale + offset
    cell = position // divisor
    return cell, tl.math.div_rn((position - cell * divisor).to(tl.float32), divisor.to(tl.float32))


@triton.jit
def first_pixel(
    cell: tl.tensor, target: tl.tensor, scale: tl.tensor, offset: tl.tensor, divisor: tl.tensor
) -> tl.tensor:
    """Return the first pixel that lies in a cell or in a later one."""
    found = (cell * divisor - offset + scale - 1) // scale
    return tl.minimum(tl.maximum(found, 0), target)


@triton.jit
def four(columns: tl.tensor) -> tl.tensor:
    """Part (n, 4) into four (n,), which lie in one lane."""
    even, odd = tl.split(tl.reshape(columns, [columns.shape[0], 2, 2]))
    first, third = tl.split(even)
    second, fourth = tl.split(odd)
    return first, second, third, fourth


@triton.jit
def quotient(rest: tl.tensor, divisor: tl.tensor, inverse: tl.tensor) -> tl.tensor:
    """Divide whole numbers without a division, given 1 / divisor: a product, and what it is off by."""
    rest, divisor = rest.to(tl.float32), divisor.to(tl.float32)
    found = rest * inverse
    return tl.fma(tl.fma(-found, divisor, rest), inverse, found)
