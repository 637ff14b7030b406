"""Fill outlines by the rule of pixel centres: a pixel is in whose centre is inside, with coordinates in whole pictures.

Coordinates run along the pixels' borders: a picture of width 4 goes from 0 to 4, and its first pixel's centre is at
0.5. For tools that draw on the screen and have no rasteriser of their own.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Size = tuple[int, int]


def inside_paths(paths: Sequence[Sequence[Point]], size: Size) -> NDArray[np.bool_]:
    """Return the pixels whose centres lie inside closed paths; what two paths enclose is outside again (even-odd).

    A centre exactly on an outline counts as inside on the left and top, and outside on the right and bottom.

    Args:
        paths: The corners of each, as x and y.
        size: Height and width of the picture.
    """
    height, width = size
    toggles = np.zeros((height, width + 1), dtype=np.int32)
    for path in paths:
        for (x0, y0), (x1, y1) in zip(path, [*path[1:], path[0]], strict=True):
            if y0 == y1:
                continue
            top, bottom = min(y0, y1), max(y0, y1)
            rows = np.arange(max(math.ceil(top - 0.5), 0), min(math.ceil(bottom - 0.5), height))
            crossings = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
            toggles[rows, np.ceil(crossings - 0.5).clip(0, width).astype(np.int64)] += 1
    mask: NDArray[np.bool_] = toggles[:, :width].cumsum(axis=1) % 2 == 1
    return mask


def turned_rectangle(left: float, top: float, width: float, height: float, degrees: float) -> list[Point]:
    """Return the corners of a rectangle that is turned clockwise about its left top corner."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = ((0.0, 0.0), (width, 0.0), (width, height), (0.0, height))
    return [(left + x * cos - y * sin, top + x * sin + y * cos) for x, y in corners]


def inside_ellipse(center: Point, radii: Point, degrees: float, size: Size) -> NDArray[np.bool_]:
    """Return the pixels whose centres lie inside an ellipse that is turned clockwise about its centre."""
    rows, columns = np.indices(size)
    x, y = columns + 0.5 - center[0], rows + 0.5 - center[1]
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    along, across = x * cos + y * sin, y * cos - x * sin
    mask: NDArray[np.bool_] = (along / radii[0]) ** 2 + (across / radii[1]) ** 2 <= 1
    return mask
