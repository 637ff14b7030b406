"""The gradient of losses of upsampled scores, pulled back to the small map: each pixel of it gathers what is its own.

The gradient of a pixel's cross-entropy is softmax - one-hot, for which its normaliser is known already. A program has a
row of cells and some classes, one or two a lane, and goes from cell to cell: four corners are read, the gradients of
the pixels between them are summed up in registers, and each corner gets its share. Cells overlap in their corners.
Along the width a program carries the sums on from one cell to the next. Down the height even rows of cells write and
odd ones, launched after them, add; no two programs of a launch have a pixel in common. So there are no atomics, and
sums have one order, whatever runs at the same time.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from sceneparse.networks.exact.kernels.normalising import NEVER
from sceneparse.networks.exact.kernels.sides import SIDES, Side, at_once, cell_of, first_pixel, on, quotient

PROGRAMS = 4096
"""How many programs of a warp a launch should have, so that a large GPU is busy; fewer where the map is small."""


def pulled(
    scores: Tensor,
    target: Tensor,
    weights: Tensor,
    shifts: Tensor,
    classes: int,
    row: Side,
    column: Side,
    truth: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Return the gradient of a weighted sum of pixels' cross-entropies for the small map.

    What is summed up for a class is exp2(score - shift) - weight · truth.

    Args:
        scores: (N, h, w, classes filled up), of `normalising.normalised`.
        target: (N, H, W) of an integer type.
        weights: (N, H, W) float32, 0 or more.
        shifts: (N, H, W) float32: the normaliser of `entropies.entropies` less log2 of what softmax is multiplied by,
            that is of the weight (infinite where it is 0).
        classes: Number of classes.
        row: Positions of the rows.
        column: Positions of the columns.
        truth: (C,) float32 each: the truth of a class at pixels of it, and at others; None for 1 and 0.

    Returns:
        (N, h, w, classes) float32.
    """
    gradient = torch.empty(*scores.shape[:3], classes, dtype=torch.float32, device=scores.device)
    # Two classes a lane share what is read of the pixels: worth more than the lanes that it leaves idle.
    block = 64 if classes > 32 else 32
    blocks, pairs = triton.cdiv(classes, block), len(scores) * (row.source // 2 + 1)
    # Some pixels of the small map in a row: more of them share more cells, fewer keep more of the GPU busy.
    length = min(32, max(4, blocks * pairs * column.source // PROGRAMS))
    pieces = triton.cdiv(column.source, length)
    target, weights, shifts = target.contiguous(), weights.contiguous(), shifts.contiguous()
    with on(scores):
        for odd in (0, 1):
            _pulled[(blocks * pieces * pairs,)](
                scores,
                target,
                weights,
                shifts,
                *(truth or (shifts, shifts)),
                gradient,
                classes,
                scores.shape[3],
                blocks,
                pieces,
                length,
                *row,
                *column,
                odd,
                TRUTH=truth is not None,
                COLUMNS=at_once(column),
                BLOCK=block,
                num_warps=1,
            )
    return gradient


@triton.jit(do_not_specialize=["classes", "filled", "blocks", "pieces", "length", "odd", *SIDES])
def _pulled(
    scores: tl.tensor,
    target: tl.tensor,
    weights: tl.tensor,
    shifts: tl.tensor,
    truth_own: tl.tensor,
    truth_other: tl.tensor,
    gradient: tl.tensor,
    classes: tl.tensor,
    filled: tl.tensor,
    blocks: tl.tensor,
    pieces: tl.tensor,
    length: tl.tensor,
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
    odd: tl.tensor,
    TRUTH: tl.constexpr,
    COLUMNS: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    program = tl.program_id(0)
    number = (program % blocks) * BLOCK + tl.arange(0, BLOCK)
    program = program // blocks
    piece = program % pieces
    program = program // pieces
    pairs = row_source // 2 + 1
    picture = program // pairs
    cell_row = 2 * (program - picture * pairs) + odd
    known, real = number < filled, number < classes
    # The outer rows of cells have corners on one side; the last odd one may lie beyond the map.
    has_above = (cell_row > 0) & (cell_row <= row_source)
    has_below = cell_row < row_source

    # The corners' rows; beyond the edges both are the row at the edge.
    line = picture.to(tl.int64) * row_source
    above = (line + tl.minimum(tl.maximum(cell_row - 1, 0), row_source - 1)) * column_source
    below = (line + tl.minimum(cell_row, row_source - 1)) * column_source
    begin, end = piece * length, tl.minimum((piece + 1) * length, column_source)
    y_first = first_pixel(cell_row, row_target, row_scale, row_offset, row_divisor)
    y_stop = first_pixel(cell_row + 1, row_target, row_scale, row_offset, row_divisor)
    start = picture.to(tl.int64) * row_target * column_target
    if TRUTH:
        truth = tl.load(truth_own + number, mask=real, other=0.0)[None, :]
        untruth = tl.load(truth_other + number, mask=real, other=0.0)[None, :]
    else:
        truth, untruth = 1.0, 0.0
    corner = tl.maximum(begin - 1, 0)
    upper_left = tl.load(scores + (above + corner) * filled + number, mask=known, other=NEVER)
    lower_left = tl.load(scores + (below + corner) * filled + number, mask=known, other=NEVER)
    # What the cell before gave to the corners that it has in common with the next.
    upper_carry = tl.zeros([BLOCK], tl.float32)
    lower_carry = tl.zeros([BLOCK], tl.float32)
    x_stop = first_pixel(begin, column_target, column_scale, column_offset, column_divisor)
    for cell in range(begin, end + 1):
        corner = tl.minimum(cell, column_source - 1)
        upper_right = tl.load(scores + (above + corner) * filled + number, mask=known, other=NEVER)
        lower_right = tl.load(scores + (below + corner) * filled + number, mask=known, other=NEVER)
        x_first = x_stop
        x_stop = first_pixel(cell + 1, column_target, column_scale, column_offset, column_divisor)
        every, lower, right, both = _sums(
            upper_left,
            upper_right,
            lower_left,
            lower_right,
            number,
            target + start,
            weights + start,
            shifts + start,
            truth,
            untruth,
            y_first,
            y_stop,
            cell_row,
            row_scale,
            row_offset,
            row_divisor,
            x_first,
            x_stop,
            column_target,
            column_scale,
            column_offset,
            column_divisor,
            COLUMNS,
        )
        # At an edge of the map two of the corners are one.
        lower_all = tl.where(cell_row == 0, every, lower)
        lower_after = tl.where(cell_row == 0, right, both)
        upper_all = tl.where(cell_row == row_source, every, every - lower)
        upper_after = tl.where(cell_row == row_source, right, right - both)
        edge = cell == column_source
        done = real & (cell > begin)
        upper_carry += tl.where(edge, upper_all, upper_all - upper_after)
        lower_carry += tl.where(edge, lower_all, lower_all - lower_after)
        _give(gradient, above + cell - 1, number, classes, upper_carry, done & has_above, odd)
        _give(gradient, below + cell - 1, number, classes, lower_carry, done & has_below, odd)
        upper_carry = tl.where(cell == 0, upper_all, upper_after)
        lower_carry = tl.where(cell == 0, lower_all, lower_after)
        upper_left, lower_left = upper_right, lower_right


@triton.jit
def _sums(
    upper_left: tl.tensor,
    upper_right: tl.tensor,
    lower_left: tl.tensor,
    lower_right: tl.tensor,
    number: tl.tensor,
    target: tl.tensor,
    weights: tl.tensor,
    shifts: tl.tensor,
    truth: tl.tensor,
    untruth: tl.tensor,
    y_first: tl.tensor,
    y_stop: tl.tensor,
    cell_row: tl.tensor,
    row_scale: tl.tensor,
    row_offset: tl.tensor,
    row_divisor: tl.tensor,
    x_first: tl.tensor,
    x_stop: tl.tensor,
    column_target: tl.tensor,
    column_scale: tl.tensor,
    column_offset: tl.tensor,
    column_divisor: tl.tensor,
    COLUMNS: tl.constexpr,
) -> tl.tensor:
    """Sum up the gradients of a cell's pixels: all, times the share of the corners below, of those after, of both."""
    every = tl.zeros_like(upper_left)
    lower = tl.zeros_like(upper_left)
    right = tl.zeros_like(upper_left)
    both = tl.zeros_like(upper_left)
    row_inverse = 1.0 / row_divisor.to(tl.float32)
    line = column_target.to(tl.int64)
    lanes = tl.arange(0, COLUMNS)
    for start in range(x_first, x_stop, COLUMNS):
        inside = start + lanes < x_stop
        across = cell_of(start + lanes, column_scale, column_offset, column_divisor)[1][:, None]
        for y in range(y_first, y_stop):
            # Of `cell_of` what is left where the cell is known.
            down = quotient(y * row_scale + row_offset - cell_row * row_divisor, row_divisor, row_inverse)
            left = upper_left + down * (lower_left - upper_left)
            slope = upper_right + down * (lower_right - upper_right) - left
            # First to one number, so that the pixels of a row are read at fixed distances from it.
            pixel = y * line + start
            shift = tl.load(shifts + pixel + lanes, mask=inside, other=float("inf"))[:, None]
            weight = tl.load(weights + pixel + lanes, mask=inside, other=0.0)[:, None]
            own = tl.load(target + pixel + lanes, mask=inside, other=0).to(tl.int32)[:, None]
            slant = tl.exp2(left[None, :] + across * slope[None, :] - shift)
            slant -= weight * tl.where(own == number[None, :], truth, untruth)
            row_all = tl.sum(slant, axis=0)
            row_right = tl.sum(slant * across, axis=0)
            every += row_all
            right += row_right
            lower += down * row_all
            both += down * row_right
    return every, lower, right, both


@triton.jit
def _give(
    gradient: tl.tensor,
    pixel: tl.tensor,
    number: tl.tensor,
    classes: tl.tensor,
    value: tl.tensor,
    mask: tl.tensor,
    odd: tl.tensor,
) -> None:
    """Write a pixel's gradients of some classes, or add to them."""
    address = gradient + pixel * classes + number
    before = tl.load(address, mask=mask & (odd == 1), other=0.0)
    tl.store(address, before + value, mask=mask)
