"""Fill labelme's shapes with Pillow, by the calls that labelme itself makes (`labelme.utils.shape_to_mask`)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sceneparse.datasets.annotations.png_masks import MaskPngError, base64_mask

Size = tuple[int, int]

LINE_WIDTH, POINT_RADIUS = 10, 5
"""In pixels, as labelme draws lines and points."""

POINTS = {"circle": 2, "rectangle": 2, "line": 2, "point": 1, "oriented_rectangle": 4}
"""The number of points of shapes that have a fixed one."""


class ShapeError(ValueError):
    """A shape that cannot be drawn; the message says why."""


def shape_mask(shape: dict[str, Any], size: Size) -> NDArray[np.bool_]:
    """Return the pixels of a shape.

    Args:
        shape: As labelme's JSON has it.
        size: Height and width of the picture.

    Raises:
        ShapeError: It is of a type that labelme does not fill, or has too few points.
    """
    kind = str(shape.get("shape_type") or "polygon")
    points = _points(shape.get("points"))
    if kind == "mask":
        return _pasted(shape.get("mask"), points, size)
    if kind in POINTS and len(points) != POINTS[kind]:
        raise ShapeError(f"a {kind} has {POINTS[kind]} points, not {len(points)}")
    image = Image.new("L", (size[1], size[0]))
    draw = ImageDraw.Draw(image)
    if kind in ("circle", "point"):
        x, y = points[0]
        radius = POINT_RADIUS if kind == "point" else math.dist(points[0], points[1])
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=1, fill=1)
    elif kind == "rectangle":
        (x0, y0), (x1, y1) = points
        draw.rectangle((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), outline=1, fill=1)
    elif kind in ("line", "linestrip"):
        draw.line(points, fill=1, width=LINE_WIDTH)
    elif kind in ("polygon", "oriented_rectangle"):
        if len(points) < 3:
            raise ShapeError(f"a polygon has at least 3 points, not {len(points)}")
        draw.polygon(points, outline=1, fill=1)
    else:
        raise ShapeError(f"labelme fills no shape of type '{kind}'")
    return np.array(image, dtype=np.bool_)


def _points(given: Any) -> list[tuple[float, float]]:
    if not isinstance(given, list) or not given:
        raise ShapeError("it has no points")
    points = []
    for point in given:
        if not isinstance(point, list) or len(point) != 2 or not all(isinstance(v, int | float) for v in point):
            raise ShapeError("its points are not all an x and a y")
        x, y = point
        if not (math.isfinite(x) and math.isfinite(y)) or max(abs(x), abs(y)) > 1_000_000:
            raise ShapeError("a point lies beyond 1,000,000 pixels or is no number")
        points.append((x, y))
    return points


def _pasted(data: Any, points: list[tuple[float, float]], size: Size) -> NDArray[np.bool_]:
    """The pixels of a mask that is a PNG for the rectangle between two points, both included."""
    if not isinstance(data, str) or len(points) != 2:
        raise ShapeError("a mask has a PNG and 2 points")
    try:
        own = base64_mask(data)
    except MaskPngError as error:
        raise ShapeError(str(error)) from None
    left, top, right, bottom = (int(value) for point in points for value in point)
    if own.shape != (bottom - top + 1, right - left + 1):
        raise ShapeError(
            f"its mask has {own.shape[1]}×{own.shape[0]} pixels, its rectangle {right - left + 1}×{bottom - top + 1}"
        )
    return pasted(own, left, top, size)


def pasted(own: NDArray[np.bool_], left: int, top: int, size: Size) -> NDArray[np.bool_]:
    """Return a mask of a picture's size with a smaller mask in it; what lies outside the picture is cut off."""
    mask = np.zeros(size, dtype=np.bool_)
    inside = own[max(-top, 0) : max(size[0] - top, 0), max(-left, 0) : max(size[1] - left, 0)]
    row, column = max(top, 0), max(left, 0)
    mask[row : row + inside.shape[0], column : column + inside.shape[1]] = inside
    return mask
