"""Bilinear interpolation along one side: the target pixels' positions in the source, and matrices for them."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor


def positions(source: int, target: int, align_corners: bool) -> Tensor:
    """Return the positions of a target's pixels among the pixels of the source that it is interpolated from.

    Args:
        source: The pixels that there are.
        target: The pixels that are wanted.
        align_corners: As in `resize`.

    Returns:
        (target,) float64 on the CPU, rising. Without aligned corners the outer ones lie up to half a pixel outside of
        0..source - 1; they have the value of the pixel at the edge.
    """
    pixels = torch.arange(target, device="cpu")
    # Quotients of whole numbers, so that pixels which fall upon each other do so exactly.
    if align_corners:
        return (pixels * (source - 1)).double() / max(target - 1, 1)
    return ((2 * pixels + 1) * source - target).double() / (2 * target)


class Neighbours(NamedTuple):
    """The two pixels of the source that each pixel of a target is interpolated between, (target,) each.

    Args:
        before: The one before it, int64.
        after: The one after it; the same beyond the source's edge.
        share: How far the pixel is on its way from `before` to `after`, 0..1, float64.
    """

    before: Tensor
    after: Tensor
    share: Tensor


def neighbours(source: int, target: int, align_corners: bool) -> Neighbours:
    """Return between which of the source's pixels a target's lie; arguments as in `positions`."""
    place = positions(source, target, align_corners).clamp_(0, source - 1)
    before = place.floor().long()
    return Neighbours(before, (before + 1).clamp_(max=source - 1), place - before)


class Strip(NamedTuple):
    """Some neighbouring target pixels and the matrix that makes them: target = matrix · source.

    Args:
        target: The pixels.
        source: The source's pixels that they need.
        matrix: (target pixels, source pixels); each row has one or two weights, whose sum is 1.
    """

    target: slice
    source: slice
    matrix: Tensor


@lru_cache(maxsize=128)
def strips(
    source: int, target: int, align_corners: bool, step: int, dtype: torch.dtype, device: torch.device
) -> tuple[Strip, ...]:
    """Cut a side into strips of `step` pixels, the last one shorter; their matrices hold few numbers."""
    before, after, share = neighbours(source, target, align_corners)
    result = []
    for start in range(0, target, step):
        stop = min(start + step, target)
        first, end = int(before[start]), int(after[stop - 1]) + 1
        matrix = torch.zeros(stop - start, end - first, dtype=torch.float64, device="cpu")
        rows = torch.arange(stop - start, device="cpu")
        matrix[rows, before[start:stop] - first] += 1 - share[start:stop]
        matrix[rows, after[start:stop] - first] += share[start:stop]
        result.append(Strip(slice(start, stop), slice(first, end), matrix.to(dtype).to(device)))
    return tuple(result)
