"""Labels of upsampled scores without the upsampled scores: only cells on a boundary need work.

Four neighbouring pixels of the small map are the corners of a cell. Every pixel in it has scores that are a convex
combination of the corners', so where one class wins at all four corners it wins in the whole cell. In the other cells
a class can be left out that one of the corners' winners beats at all four; few classes stay, two or three as a rule.

On GPUs a kernel compares all classes in registers, where it can be used (`kernels`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from sceneparse.networks.exact.bilinear import positions
from sceneparse.networks.exact.kernels.usable import usable

AT_ONCE = 1 << 20
"""Scores that are compared together: what fits in a cache or so."""


def worth_skipping(logits: Tensor, size: tuple[int, int]) -> bool:
    """Return whether `upsampled_labels` is faster than upsampled scores are.

    That is on a CPU where cells have four pixels or more, and on a GPU that the kernel can be used on.
    """
    if logits.device.type == "cpu":
        return size[0] * size[1] >= 4 * logits.shape[-2] * logits.shape[-1]
    return usable(logits, size)


@torch.no_grad()
def upsampled_labels(logits: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    """Return each pixel's class of the highest upsampled score, as `resize(...).argmax(dim=0)` would.

    The lowest of several that are equal. Where two scores are within rounding of each other either may be taken.

    Args:
        logits: (C, h, w) or (N, C, h, w), finite floating-point values; any memory format.
        size: Height and width of the result.
        align_corners: As in `resize`.

    Returns:
        (*size) or (N, *size) int16, on the same device.
    """
    if usable(logits, size):
        from sceneparse.networks.exact.kernels.labels import labels

        return labels(logits, size, align_corners)
    if logits.dim() == 4:
        return torch.stack([_by_cells(one, size, align_corners) for one in logits])
    return _by_cells(logits, size, align_corners)


def _by_cells(logits: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    """Return the labels of (C, h, w), looking only at cells on a boundary."""
    classes, height, width = logits.shape
    dtype = torch.float64 if logits.dtype == torch.float64 else torch.float32
    scores = logits.permute(1, 2, 0).to(dtype).contiguous().view(height * width, classes)
    winners = scores.argmax(dim=1).to(torch.int16)
    down = _side(height, size[0], align_corners, scores)
    across = _side(width, size[1], align_corners, scores)
    # Which pixels of the small map are the corners of each cell, (rows of cells, columns of cells).
    corners = [
        (row * width)[:, None] + column for row in (down.before, down.after) for column in (across.before, across.after)
    ]
    first, *others = (winners[corner] for corner in corners)
    boundary = torch.stack([other != first for other in others]).any(dim=0)
    labels = first.index_select(0, down.cell).index_select(1, across.cell)
    rows, columns = boundary.nonzero().unbind(dim=1)
    step = max(1, AT_ONCE // max(4 * classes, len(down.pixels) * len(across.pixels)))
    for begin in range(0, len(rows), step):
        some_rows, some_columns = rows[begin : begin + step], columns[begin : begin + step]
        some_corners = [corner[some_rows, some_columns] for corner in corners]
        cells = _Cells(
            some_corners,
            down.pixels[:, some_rows],
            down.shares[:, some_rows],
            across.pixels[:, some_columns],
            across.shares[:, some_columns],
        )
        _fill(labels, scores, winners, cells)
    return labels


class _Side(NamedTuple):
    """The cells along one side that hold pixels.

    Args:
        before: (cells,) the small map's pixel before each cell.
        after: (cells,) the one after it; the same beyond the map's edge.
        cell: (length,) each pixel's cell.
        pixels: (most pixels in a cell, cells) which pixels lie in a cell; the last one is repeated in smaller cells.
        shares: As `pixels`, how far each is on its way from `before` to `after`, 0..1.
    """

    before: Tensor
    after: Tensor
    cell: Tensor
    pixels: Tensor
    shares: Tensor


def _side(source: int, target: int, align_corners: bool, like: Tensor) -> _Side:
    place = positions(source, target, align_corners)
    floor = place.floor()
    found, cell, count = torch.unique_consecutive(floor.long(), return_inverse=True, return_counts=True)
    start = count.cumsum(dim=0) - count
    number = torch.arange(int(count.max()))[:, None]
    pixels = start + torch.minimum(number, count - 1)
    shares = (place - floor)[pixels].to(like.dtype)
    tensors = (found.clamp(min=0), (found + 1).clamp(max=source - 1), cell, pixels, shares)
    return _Side(*(tensor.to(like.device) for tensor in tensors))


class _Cells(NamedTuple):
    """Some cells: their corners (n,) each, and the pixels in them as in `_Side`."""

    corners: Sequence[Tensor]
    rows: Tensor
    row_shares: Tensor
    columns: Tensor
    column_shares: Tensor

    def ordered(self, order: Tensor) -> "_Cells":
        """Return the cells in another order."""
        corners, *sides = self
        return _Cells([corner[order] for corner in corners], *(side[:, order] for side in sides))


def _fill(labels: Tensor, scores: Tensor, winners: Tensor, cells: _Cells) -> None:
    """Set the labels of the pixels in some cells."""
    stay = _candidates(scores, winners, cells.corners)
    # Cells with the most candidates come first, so that those which still have a k-th one lie together.
    count, order = stay.sum(dim=1).sort(descending=True, stable=True)
    cells = cells.ordered(order)
    candidates = stay[order].nonzero()[:, 1]
    start = count.cumsum(dim=0) - count
    active = (count > torch.arange(int(count[0]), device=count.device)[:, None]).sum(dim=1).tolist()
    flat, classes = scores.view(-1), scores.shape[1]

    best = scores.new_empty(0)
    label = labels.new_empty(0)
    for k, number in enumerate(active):
        candidate = candidates[start[:number] + k]
        values = [flat[corner[:number] * classes + candidate] for corner in cells.corners]
        # Cells lie along the last side: the longest, and the one in which all of these follow each other.
        across, down = cells.column_shares[:, :number], cells.row_shares[:, None, :number]
        above, below = torch.lerp(values[0], values[1], across), torch.lerp(values[2], values[3], across)
        score = torch.lerp(above[None], below[None], down)
        candidate = candidate.to(labels.dtype)
        if k == 0:
            best, label = score, candidate.repeat(*score.shape[:2], 1)
            continue
        # Candidates rise, so of equal ones the lowest stays.
        higher = score > best[..., :number]
        label[..., :number] = torch.where(higher, candidate, label[..., :number])
        best[..., :number] = torch.where(higher, score, best[..., :number])
    labels.view(-1)[(cells.rows * labels.shape[1])[:, None] + cells.columns] = label


def _candidates(scores: Tensor, winners: Tensor, corners: Sequence[Tensor]) -> Tensor:
    """Return which classes can win in each cell, (n, C).

    Those that are left out are beaten at all four corners, and so in the whole cell, by one of the corners' winners, or
    by the average of the winners, than which one of them is always higher.
    """
    values = [scores[corner] for corner in corners]
    # Each winner's score at each corner, (n, 4 winners).
    own = torch.stack([winners[corner] for corner in corners], dim=1).long()
    leaders = [value.gather(1, own) for value in values]
    leaders = [torch.cat([leader, _average(leader)], dim=1) for leader in leaders]
    beaten = torch.zeros_like(values[0], dtype=torch.bool)
    for number in range(5):
        worse = [value < leader[:, number, None] for value, leader in zip(values, leaders, strict=True)]
        beaten |= worse[0] & worse[1] & worse[2] & worse[3]
    return ~beaten


def _average(leader: Tensor) -> Tensor:
    """Average (n, 4) to (n, 1), pair by pair, so that four equal values give exactly that value."""
    pairs = leader[:, :2] + leader[:, 2:]
    return (pairs[:, :1] + pairs[:, 1:]) / 4
