"""Fill polygons as V7's upolygon does, by which darwin-py makes its masks. Equal to it pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Corner = tuple[int, int]
Size = tuple[int, int]


class _Edge(NamedTuple):
    top: int
    bottom: int
    x: np.float32
    step: np.float32


def filled(paths: Sequence[Sequence[Corner]], size: Size) -> NDArray[np.bool_]:
    """Return the pixels of closed paths; what two paths enclose is outside again (even-odd), but for its outline.

    Args:
        paths: The corners of each, as (x, y), inside the picture.
        size: Height and width of the picture.
    """
    mask = np.zeros(size, dtype=np.bool_)
    edges: list[_Edge] = []
    for path in paths:
        for (x1, y1), (x2, y2) in zip([path[-1], *path[:-1]], path, strict=True):
            _line(mask, (x1, y1), (x2, y2))
            if y1 != y2:
                step = np.float32(x1 - x2) / np.float32(y1 - y2)
                edges.append(_Edge(min(y1, y2), max(y1, y2), np.float32(x1 if y1 < y2 else x2), step))
    edges.sort(key=lambda edge: (edge.top, edge.x))
    _rows(mask, edges)
    return mask


def _rows(mask: NDArray[np.bool_], edges: Sequence[_Edge]) -> None:
    """Fill row by row between the edges that it crosses, whose x grows in single precision."""
    waiting, active = list(edges), list[_Edge]()
    row = waiting[0].top if waiting else 0
    while (waiting or active) and row < mask.shape[0]:
        while waiting and waiting[0].top == row:
            active.append(waiting.pop(0))
        active = sorted((edge for edge in active if edge.bottom != row), key=lambda edge: edge.x)
        for left, right in zip(active[::2], active[1::2], strict=True):
            mask[row, max(int(np.ceil(left.x)), 0) : max(int(np.floor(right.x)) + 1, 0)] = True
        active = [edge._replace(x=edge.x + edge.step) for edge in active]
        row += 1


def _line(mask: NDArray[np.bool_], start: Corner, end: Corner) -> None:
    """Draw a line, straight ones with both ends, others without their last pixel."""
    (x, y), (x2, y2) = start, end
    across, down = x2 - x, y2 - y
    if across == 0 or down == 0:
        mask[min(y, y2) : max(y, y2) + 1, min(x, x2) : max(x, x2) + 1] = True
        return
    if across < 0:
        across, down, x, y = -across, -down, x2, y2
    turn = -1 if down < 0 else 1
    down = abs(down)
    steep = down > across
    longer, shorter = (down, across) if steep else (across, down)
    error = 2 * shorter - longer
    for _ in range(longer):
        mask[y, x] = True
        aside = error > 0
        error += 2 * shorter - (2 * longer if aside else 0)
        if steep:
            x, y = x + aside, y + turn
        else:
            x, y = x + 1, y + turn * aside
