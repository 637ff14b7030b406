"""The probability of each pixel's label under upsampled scores, by products instead of exponentials.

Down a column of the picture, between two rows of the small map, an interpolated score is a straight line. So its
exponential is multiplied by the same number from each pixel to the next, and two exponentials stand for all of these
pixels: that of the first one's score, and that of the step. The first pixel's gives the second's, these two give the
next two, and so on, with the step squared each time. Where the picture is four times as large as the map, that is half
of the exponentials and a quarter of the interpolation; the larger it is, the closer both are to none.

Softmax is blind to what is added to all scores of a pixel. So the highest score of each place of the small map is made
0 there, and no exponential is searched for one that could overflow. The exponentials are powers of two, of scores that
were multiplied while the map was small: PyTorch's exp2 is faster than its exp.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from sceneparse.networks.exact.bilinear import positions

DEEPEST = 115.0
"""How far scores may lie below the best one of their place, in powers of two: such powers and their quotients are
normal numbers of float32, which have all their digits."""

ROWS = 16
"""Rows that are made out of one: the rounding of the step grows as their number."""

AT_ONCE = 1 << 19
"""Exponentials that are kept together: what fits in a cache or so."""


WORTH = 1 << 17
"""Scores of a picture between two rows of the small map from which on products are faster than exponentials: for fewer,
calling PyTorch for each of these rows takes longer."""


def worth_multiplying(logits: Tensor, size: tuple[int, int]) -> bool:
    """Return whether `label_probabilities` is faster than to compute all exponentials."""
    classes, height, _ = logits.shape
    return logits.device.type == "cpu" and classes * size[0] * size[1] >= WORTH * height


@torch.no_grad()
def label_probabilities(logits: Tensor, labels: Tensor, align_corners: bool) -> Tensor:
    """Return the softmax of upsampled logits at each pixel's label.

    Args:
        logits: (classes, h, w) float32, finite, on the CPU; either the classes or the columns side by side in memory.
        labels: (H, W) int16 classes.
        align_corners: As in `resize`.

    Returns:
        (H, W) float32.
    """
    height, (rows, columns) = logits.shape[1], labels.shape
    scores = (logits - logits.amax(dim=0)).mul_(math.log2(math.e))
    lowest = scores.amin(dim=(0, 2)).tolist()
    # As a batch of one, since a batch's own stride is what tells PyTorch that classes are last.
    batch = scores.permute(1, 2, 0)[None].permute(0, 3, 1, 2)

    @lru_cache(maxsize=2)  # the next pair of rows begins with the last one
    def widened(row: int) -> Tensor:
        """Return a row of the small map at the picture's width, (classes, 1, W)."""
        one = batch[:, :, row : row + 1]
        return F.interpolate(one, (1, columns), mode="bilinear", align_corners=align_corners)[0]

    place = positions(height, rows, align_corners)
    step = float(place[1] - place[0]) if rows > 1 else 0.0
    before, counts = place.floor().long().unique_consecutive(return_counts=True)
    exponentials = _Exponentials(scores, min(ROWS, int(counts.max())), columns)
    result, change = torch.empty(rows, columns), torch.empty_like(widened(0))
    first = 0
    for row, count in zip(before.tolist(), counts.tolist(), strict=True):
        above, below = max(row, 0), min(row + 1, height - 1)
        deep = min(lowest[above], lowest[below]) < -DEEPEST
        upper = widened(above)
        torch.sub(widened(below), upper, out=change)
        for start in range(first, first + count, ROWS):
            some = slice(start, min(start + ROWS, first + count))
            share = float(place[start]) - row
            exponentials.divide(result[some], labels[some], upper, change, share, step, deep=deep)
        first += count
    return result


class _Exponentials:
    """Exponentials of some rows of upsampled scores, in memory that is used again and again."""

    def __init__(self, scores: Tensor, rows: int, columns: int) -> None:
        classes = len(scores)
        self._columns = min(columns, max(1, AT_ONCE // (classes * rows)))
        # New memory for each would take longer than the products.
        if scores.stride(0) == 1:
            memory = scores.new_empty(1 + rows, self._columns, classes).permute(2, 0, 1)
        else:
            memory = scores.new_empty(classes, 1 + rows, self._columns)
        self._factor, self._values = memory[:, :1], memory[:, 1:]

    def divide(
        self, result: Tensor, labels: Tensor, upper: Tensor, change: Tensor, share: float, step: float, *, deep: bool
    ) -> None:
        """Write the probabilities of some rows' labels.

        Args:
            result: (n, W) where to.
            labels: (n, W) classes.
            upper: (classes, 1, W) the scores of the small map's row above them.
            change: (classes, 1, W) from these to the scores of the next row.
            share: How far the first of the rows is on that way, 0..1.
            step: How far each is from the next.
            deep: Whether scores lie deeper than `DEEPEST`.
        """
        compute = self._one_by_one if deep else self._multiplied
        for start in range(0, labels.shape[1], self._columns):
            some = slice(start, start + self._columns)
            values = compute(upper[..., some], change[..., some], share, step, len(labels))
            own = values.gather(0, labels[None, :, some].long())[0]
            torch.div(own, values.sum(dim=0), out=result[:, some])

    def _multiplied(self, upper: Tensor, change: Tensor, share: float, step: float, rows: int) -> Tensor:
        """Return the exponentials (classes, rows, n)."""
        values = self._values[:, :rows, : upper.shape[2]]
        torch.add(upper, change, alpha=share, out=values[:, :1]).exp2_()
        factor, there = self._factor[..., : upper.shape[2]], 1
        while there < rows:
            if there == 1:
                torch.mul(change, step, out=factor).exp2_()
            else:
                factor.mul_(factor)
            more = min(there, rows - there)
            torch.mul(values[:, :more], factor, out=values[:, there : there + more])
            there += more
        return values

    def _one_by_one(self, upper: Tensor, change: Tensor, share: float, step: float, rows: int) -> Tensor:
        """Return the same but for a factor in each pixel, of scores that may lie anywhere."""
        values = self._values[:, :rows, : upper.shape[2]]
        shares = (share + step * torch.arange(rows, dtype=torch.float64)).to(upper.dtype)
        torch.addcmul(upper, change, shares[:, None], out=values)
        return values.sub_(values.amax(dim=0)).exp2_()
