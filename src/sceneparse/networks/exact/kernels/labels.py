"""Labels of upsampled logits in one kernel: it reads the small map and writes one number a pixel, or two.

A program has a tile of pixels whose rows lie in one row of cells. So a lane, which has a column of the tile, reads four
corners of a class and interpolates them along the width once for all of its rows. Classes come in rising order, each
compared with the best before it; nothing is exchanged between lanes. Where the label's probability is wanted, the sum
of a pixel's exponentials is kept relative to the best score so far, which in the end is the label's.
"""

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from sceneparse.networks.exact.kernels.sides import SIDES, at_once, cell_of, first_pixel, four, on, side

COLUMNS = 32
"""Columns of a tile: one a lane of a warp. Wider ones would leave more lanes idle at the picture's edge."""


def labels(logits: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    """Return each pixel's class of the highest upsampled logit, the lowest of several that are equal.

    Args:
        logits: (C, h, w) or (N, C, h, w), finite values of one of `usable.TYPES`; any memory format.
        size: Height and width of the result.
        align_corners: As in `resize`.

    Returns:
        (*size) or (N, *size) int16, on the same device.
    """
    found, _ = _found(logits, size, align_corners, None)
    return found


def sure_labels(
    logits: Tensor, size: tuple[int, int], align_corners: bool, temperature: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Return `labels`, and the probability of each pixel's label among all classes.

    Args:
        logits: As in `labels`.
        size: As in `labels`.
        align_corners: As in `labels`.
        temperature: What the logits are divided by before they become probabilities.

    Returns:
        (*size) or (N, *size) int16 and float32, on the same device.
    """
    found, sure = _found(logits, size, align_corners, math.log2(math.e) / temperature)
    assert sure is not None
    return found, sure


def _found(
    logits: Tensor, size: tuple[int, int], align_corners: bool, sharpness: float | None
) -> tuple[Tensor, Tensor | None]:
    """Return labels and, where logits have a factor that makes them exponents of 2, their probabilities."""
    batch = logits if logits.dim() == 4 else logits[None]
    count, classes, height, width = batch.shape
    row, column = side(height, size[0], align_corners), side(width, size[1], align_corners)
    found = torch.empty(count, *size, dtype=torch.int16, device=logits.device)
    sure = None if sharpness is None else torch.empty(count, *size, dtype=torch.float32, device=logits.device)
    with on(logits):
        _labels[(triton.cdiv(size[1], COLUMNS), height + 1, count)](
            batch,
            found,
            found if sure is None else sure,
            1.0 if sharpness is None else sharpness,
            classes,
            *batch.stride(),
            *row,
            *column,
            SURE=sure is not None,
            ROWS=at_once(row),
            COLUMNS=COLUMNS,
            VECTOR=_vector(batch),
            num_warps=1,
        )
    if logits.dim() == 4:
        return found, sure
    return found[0], None if sure is None else sure[0]


def _vector(batch: Tensor) -> int:
    """Return how many classes can be read at once: those of a pixel must lie together and start at a multiple."""
    count, down, across = (batch.stride(axis) for axis in (0, 2, 3))
    if batch.stride(1) != 1:
        return 1
    start = batch.data_ptr() // batch.element_size()
    return next(n for n in (4, 2, 1) if not any(value % n for value in (batch.shape[1], count, down, across, start)))


@triton.jit(do_not_specialize=["sharpness", "classes", "picture_stride", "row_stride", "column_stride", *SIDES])
def _labels(
    logits: tl.tensor,
    labels: tl.tensor,
    probabilities: tl.tensor,
    sharpness: tl.tensor,
    classes: tl.tensor,
    picture_stride: tl.tensor,
    class_stride: tl.tensor,
    row_stride: tl.tensor,
    column_stride: tl.tensor,
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
    SURE: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    VECTOR: tl.constexpr,
) -> None:
    cell_row, picture = tl.program_id(1), tl.program_id(2).to(tl.int64)
    x = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    cell, across = cell_of(x, column_scale, column_offset, column_divisor)
    left = tl.minimum(tl.maximum(cell - 1, 0), column_source - 1).to(tl.int64) * column_stride
    right = tl.minimum(cell, column_source - 1).to(tl.int64) * column_stride
    above = picture * picture_stride + tl.maximum(cell_row - 1, 0).to(tl.int64) * row_stride
    below = picture * picture_stride + tl.minimum(cell_row, row_source - 1).to(tl.int64) * row_stride
    # So that the classes of a vector are read by one instruction (`_vector` has seen to it).
    left, right = tl.multiple_of(left, VECTOR), tl.multiple_of(right, VECTOR)
    above, below = logits + tl.multiple_of(above, VECTOR), logits + tl.multiple_of(below, VECTOR)
    first = first_pixel(cell_row, row_target, row_scale, row_offset, row_divisor)
    stop = first_pixel(cell_row + 1, row_target, row_scale, row_offset, row_divisor)
    lanes = tl.arange(0, VECTOR)
    for start in range(first, stop, ROWS):
        y = start + tl.arange(0, ROWS)
        down = cell_of(y, row_scale, row_offset, row_divisor)[1]
        best = tl.full([ROWS, COLUMNS], float("-inf"), tl.float32)
        label = tl.zeros([ROWS, COLUMNS], tl.int32)
        total = tl.zeros([ROWS, COLUMNS], tl.float32)
        for some in range(0, classes, 4):
            for step in tl.static_range(0, 4, VECTOR):
                # Beyond the last class, earlier ones come again: they are not above the best, and count for nothing.
                share = tl.where(some + step < classes, 1.0, 0.0)
                number = tl.multiple_of(tl.minimum(some + step, classes - VECTOR), VECTOR)
                offset = (number + lanes).to(tl.int64) * class_stride
                upper = _between(above, left, right, offset, across)
                slope = _between(below, left, right, offset, across) - upper
                if VECTOR == 1:
                    upper, slope = tl.reshape(upper, [COLUMNS]), tl.reshape(slope, [COLUMNS])
                    best, label, total = _better(best, label, total, number, upper, slope, down, share, sharpness, SURE)
                elif VECTOR == 2:
                    upper_0, upper_1 = tl.split(upper)
                    slope_0, slope_1 = tl.split(slope)
                    best, label, total = _better(
                        best, label, total, number, upper_0, slope_0, down, share, sharpness, SURE
                    )
                    best, label, total = _better(
                        best, label, total, number + 1, upper_1, slope_1, down, share, sharpness, SURE
                    )
                else:
                    upper_0, upper_1, upper_2, upper_3 = four(upper)
                    slope_0, slope_1, slope_2, slope_3 = four(slope)
                    best, label, total = _better(
                        best, label, total, number, upper_0, slope_0, down, share, sharpness, SURE
                    )
                    best, label, total = _better(
                        best, label, total, number + 1, upper_1, slope_1, down, share, sharpness, SURE
                    )
                    best, label, total = _better(
                        best, label, total, number + 2, upper_2, slope_2, down, share, sharpness, SURE
                    )
                    best, label, total = _better(
                        best, label, total, number + 3, upper_3, slope_3, down, share, sharpness, SURE
                    )
        inside = (y < stop)[:, None] & (x < column_target)[None, :]
        pixel = (picture * row_target + y[:, None]) * column_target + x[None, :]
        tl.store(labels + pixel, label.to(tl.int16), mask=inside)
        if SURE:
            tl.store(probabilities + pixel, 1.0 / total, mask=inside)


@triton.jit
def _between(line: tl.tensor, left: tl.tensor, right: tl.tensor, offset: tl.tensor, across: tl.tensor) -> tl.tensor:
    """Interpolate some classes along the width, (columns, classes)."""
    before = tl.load(line + left[:, None] + offset[None, :]).to(tl.float32)
    after = tl.load(line + right[:, None] + offset[None, :]).to(tl.float32)
    return before + across[:, None] * (after - before)


@triton.jit
def _better(
    best: tl.tensor,
    label: tl.tensor,
    total: tl.tensor,
    number: tl.tensor,
    upper: tl.tensor,
    slope: tl.tensor,
    down: tl.tensor,
    share: tl.tensor,
    sharpness: tl.tensor,
    SURE: tl.constexpr,
) -> tl.tensor:
    """Take a class where its score is above the best one, and count its exponential in its share."""
    score = upper[None, :] + down[:, None] * slope[None, :]
    higher = score > best
    if SURE:
        # The lower of the two, relative to the higher one; before the first class it is 0.
        ratio = tl.exp2(-tl.abs(score - best) * sharpness)
        total = tl.where(higher, total * ratio + 1.0, total + share * ratio)
    return tl.where(higher, score, best), tl.where(higher, number, label), total
