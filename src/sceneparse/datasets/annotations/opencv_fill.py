"""Fill polygons with whole corners as OpenCV's `fillPoly` does (8-connected outline, then even-odd rows).

Supervisely draws its polygons by it. Inside the picture this is equal to OpenCV pixel by pixel, without OpenCV; of a
polygon that leaves the picture it is the part that lies in it, whereas OpenCV bends outlines where it cuts them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Corner = tuple[int, int]
Size = tuple[int, int]

_ONE = 1 << 16
"""OpenCV's fixed-point numbers have 16 bits behind the point."""


def filled(paths: Sequence[Sequence[Corner]], size: Size) -> NDArray[np.bool_]:
    """Return the pixels of closed paths, their outlines included; what two enclose is outside again.

    Args:
        paths: The corners of each, as (x, y).
        size: Height and width of the picture.
    """
    mask = np.zeros(size, dtype=np.bool_)
    crossings: list[list[int]] = [[] for _ in range(size[0])]
    for start, end in (side for path in paths for side in zip([path[-1], *path[:-1]], path, strict=True)):
        _line(mask, start, end)
        (x0, y0), (x1, y1) = sorted((start, end), key=lambda corner: corner[1])
        if y0 == y1:
            continue
        # Rounded halves down: OpenCV takes the step's floor, too.
        first, step = x0 * _ONE + _ONE // 2 - 1, (x1 - x0) * _ONE // (y1 - y0)
        for row in range(max(y0, 0), min(y1, size[0])):
            crossings[row].append(first + (row - y0) * step)
    for row, xs in enumerate(crossings):
        xs.sort()
        for left, right in zip(xs[::2], xs[1::2], strict=True):
            mask[row, max(left >> 16, 0) : max((right >> 16) + 1, 0)] = True
    return mask


def _line(mask: NDArray[np.bool_], start: Corner, end: Corner) -> None:
    """Draw an 8-connected line from left to right."""
    height, width = mask.shape
    if end[0] < start[0]:
        start, end = end, start
    (x, y), across, down = start, end[0] - start[0], end[1] - start[1]
    turn = -1 if down < 0 else 1
    down = abs(down)
    steep = down > across
    longer, shorter = (down, across) if steep else (across, down)
    error = longer - 2 * shorter
    for _ in range(longer + 1):
        if 0 <= x < width and 0 <= y < height:
            mask[y, x] = True
        aside = error < 0
        error += (2 * longer if aside else 0) - 2 * shorter
        if steep:
            y += turn
            x += aside
        else:
            x += 1
            y += turn * aside
