"""The cross-entropy of upsampled scores at each pixel, in one kernel: it writes two numbers a pixel.

Programs have tiles of pixels as in `labels`. Classes come eight at a time; the sum of a pixel's exponentials is kept
relative to the largest score so far, so that nothing overflows, nor does all of it vanish.
"""

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from sceneparse.networks.exact.kernels.normalising import MULTIPLE
from sceneparse.networks.exact.kernels.sides import SIDES, Side, at_once, cell_of, first_pixel, four, on

COLUMNS = 32
"""Columns of a tile: one a lane of a warp."""

LN2 = tl.constexpr(0.6931471805599453)


class Entropies(NamedTuple):
    """What the kernel finds of each pixel, (N, H, W) float32 each.

    Args:
        entropy: The cross-entropy, that is -log of the probability of the pixel's class.
        normaliser: The logarithm to the base 2 of the sum of the scores' powers of 2.
        spread: The sum over all classes of the share times the score; None without shares.
    """

    entropy: Tensor
    normaliser: Tensor
    spread: Tensor | None


def entropies(
    scores: Tensor, target: Tensor, classes: int, row: Side, column: Side, shares: Tensor | None = None
) -> Entropies:
    """Return each pixel's cross-entropy and what its gradient needs.

    Args:
        scores: (N, h, w, classes filled up), of `normalising.normalised`.
        target: (N, H, W) of an integer type; the entropy is NaN where it is no class.
        classes: Number of classes.
        row: Positions of the rows.
        column: Positions of the columns.
        shares: (classes filled up,) float32, 0 at the end: what each class has a share in `spread` by.
    """
    assert scores.shape[3] % MULTIPLE == 0
    target = target.contiguous()
    entropy = torch.empty(target.shape, dtype=torch.float32, device=scores.device)
    normaliser = torch.empty_like(entropy)
    spread = None if shares is None else torch.empty_like(entropy)
    with on(scores):
        _entropies[(triton.cdiv(column.target, COLUMNS), row.source + 1, len(target))](
            scores,
            target,
            entropy,
            normaliser,
            scores if shares is None else shares,
            normaliser if spread is None else spread,
            classes,
            scores.shape[3],
            *row,
            *column,
            SHARES=shares is not None,
            ROWS=at_once(row),
            COLUMNS=COLUMNS,
            num_warps=1,
        )
    return Entropies(entropy, normaliser, spread)


@triton.jit(do_not_specialize=["classes", "filled", *SIDES])
def _entropies(
    scores: tl.tensor,
    target: tl.tensor,
    entropies: tl.tensor,
    normalisers: tl.tensor,
    shares: tl.tensor,
    spreads: tl.tensor,
    classes: tl.tensor,
    filled: tl.tensor,
    row_source: tl.tensor,
    row_target: tl.tensor,
    row_scale: tl.tensor,
    row_offset: tl.tensor,
    row_divisor: tl.tensor,
    column_source: tl.tensor,
    column_target: tl.tensor,
    column_scale: tl.tensor,
    column_offset: tl.tensor,
    column_divisor: tl.tensor,
    SHARES: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
) -> None:
    cell_row, picture = tl.program_id(1), tl.program_id(2).to(tl.int64)
    x = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    cell, across = cell_of(x, column_scale, column_offset, column_divisor)
    left = tl.minimum(tl.maximum(cell - 1, 0), column_source - 1) * filled
    right = tl.minimum(cell, column_source - 1) * filled
    line = (picture * row_source) * column_source
    above = (line + tl.maximum(cell_row - 1, 0).to(tl.int64) * column_source) * filled
    below = (line + tl.minimum(cell_row, row_source - 1).to(tl.int64) * column_source) * filled
    # `filled` is a multiple of 8, so vectors of four classes are read by one instruction.
    left, right = tl.multiple_of(left, 8), tl.multiple_of(right, 8)
    above, below = scores + tl.multiple_of(above, 8), scores + tl.multiple_of(below, 8)
    first = first_pixel(cell_row, row_target, row_scale, row_offset, row_divisor)
    stop = first_pixel(cell_row + 1, row_target, row_scale, row_offset, row_divisor)
    for start in range(first, stop, ROWS):
        y = start + tl.arange(0, ROWS)
        down = cell_of(y, row_scale, row_offset, row_divisor)[1]
        peak = tl.full([ROWS, COLUMNS], float("-inf"), tl.float32)
        total = tl.zeros([ROWS, COLUMNS], tl.float32)
        spread = tl.zeros([ROWS, COLUMNS], tl.float32)
        for number in range(0, filled, 8):
            number = tl.multiple_of(number, 8)
            score_0, score_1, score_2, score_3 = _four(above, below, left, right, number, across, down)
            score_4, score_5, score_6, score_7 = _four(above, below, left, right, number + 4, across, down)
            higher_0 = tl.maximum(tl.maximum(score_0, score_1), tl.maximum(score_2, score_3))
            higher_1 = tl.maximum(tl.maximum(score_4, score_5), tl.maximum(score_6, score_7))
            higher = tl.maximum(peak, tl.maximum(higher_0, higher_1))
            total *= tl.exp2(peak - higher)
            total += (tl.exp2(score_0 - higher) + tl.exp2(score_1 - higher)) + (
                tl.exp2(score_2 - higher) + tl.exp2(score_3 - higher)
            )
            total += (tl.exp2(score_4 - higher) + tl.exp2(score_5 - higher)) + (
                tl.exp2(score_6 - higher) + tl.exp2(score_7 - higher)
            )
            peak = higher
            if SHARES:
                share = shares + number
                spread += score_0 * tl.load(share) + score_1 * tl.load(share + 1)
                spread += score_2 * tl.load(share + 2) + score_3 * tl.load(share + 3)
                spread += score_4 * tl.load(share + 4) + score_5 * tl.load(share + 5)
                spread += score_6 * tl.load(share + 6) + score_7 * tl.load(share + 7)
        inside = (y < stop)[:, None] & (x < column_target)[None, :]
        pixel = (picture * row_target + y[:, None]) * column_target + x[None, :]
        own = tl.load(target + pixel, mask=inside, other=0)
        known = (own >= 0) & (own < classes)
        own = tl.where(known, own, 0).to(tl.int32)
        upper = _between(above, left[None, :] + own, right[None, :] + own, across[None, :])
        lower = _between(below, left[None, :] + own, right[None, :] + own, across[None, :])
        score = upper + down[:, None] * (lower - upper)
        normaliser = peak + tl.log2(total)
        entropy = tl.where(known, (normaliser - score) * LN2, float("nan"))
        tl.store(entropies + pixel, entropy, mask=inside)
        tl.store(normalisers + pixel, normaliser, mask=inside)
        if SHARES:
            tl.store(spreads + pixel, spread, mask=inside)


@triton.jit
def _four(
    above: tl.tensor,
    below: tl.tensor,
    left: tl.tensor,
    right: tl.tensor,
    number: tl.tensor,
    across: tl.tensor,
    down: tl.tensor,
) -> tl.tensor:
    """Interpolate four classes, each (rows, columns)."""
    offset = (number + tl.arange(0, 4))[None, :]
    upper = _between(above, left[:, None] + offset, right[:, None] + offset, across[:, None])
    slope = _between(below, left[:, None] + offset, right[:, None] + offset, across[:, None]) - upper
    upper_0, upper_1, upper_2, upper_3 = four(upper)
    slope_0, slope_1, slope_2, slope_3 = four(slope)
    share = down[:, None]
    return (
        upper_0[None, :] + share * slope_0[None, :],
        upper_1[None, :] + share * slope_1[None, :],
        upper_2[None, :] + share * slope_2[None, :],
        upper_3[None, :] + share * slope_3[None, :],
    )


@triton.jit
def _between(line: tl.tensor, left: tl.tensor, right: tl.tensor, share: tl.tensor) -> tl.tensor:
    """Interpolate along the width."""
    before = tl.load(line + left)
    return before + share * (tl.load(line + right) - before)
