"""Draw the annotations of a Darwin JSON file, as darwin-py's mask export draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.datasets.annotations.classes import Classes
from sceneparse.datasets.annotations.drawn import canvas
from sceneparse.datasets.annotations.jsonfiles import as_dict, as_key, as_list
from sceneparse.datasets.annotations.upolygon_fill import filled

Size = tuple[int, int]

FARTHEST = 20_000
"""Largest distance of an annotation from its picture in pixels: it is drawn on a canvas that holds both."""


class DrawingError(ValueError):
    """Annotations that cannot be drawn; the message says why."""


def drawn_file(drawings: Sequence[dict[str, Any]], size: Size, classes: Classes) -> NDArray[np.int16]:
    """Draw the annotations of a picture, the raster layer first, then polygons, later ones on top.

    Args:
        drawings: Polygons, masks and raster layers.
        size: Height and width of the picture.
        classes: The classes.

    Raises:
        DrawingError: One is damaged or of another size.
    """
    drawn = canvas(size, classes)
    names = {as_key(row.get("id")): row["name"] for row in drawings if "mask" in row}
    layers = [row["raster_layer"] for row in drawings if "raster_layer" in row]
    if names and not layers:
        raise DrawingError("has masks but no raster layer, which holds their pixels")
    for layer in layers:
        labels = _raster(layer, size, names, classes)
        drawn = np.where(labels == _NOTHING, drawn, labels)
    polygons = [row for row in drawings if "polygon" in row]
    left, top, right, bottom = _window([row.get("bounding_box") for row in polygons], size)
    for row in polygons:
        paths = _paths(row["polygon"], left, top, (bottom - top, right - left))
        mask = filled(paths, (bottom - top, right - left))[-top : size[0] - top, -left : size[1] - left]
        drawn[mask] = classes.index[row["name"]]
    return drawn


_NOTHING = -2
"""Marks pixels of a raster layer on which no mask lies."""


def _raster(layer: Any, size: Size, names: dict[Any, str], classes: Classes) -> NDArray[np.int16]:
    """The class indices of a raster layer: run lengths row by row, each a number and how often it follows."""
    rle, mapping = as_dict(layer).get("dense_rle"), as_dict(layer).get("mask_annotation_ids_mapping")
    if not isinstance(rle, list) or len(rle) % 2 or not all(isinstance(v, int) and v >= 0 for v in rle):
        raise DrawingError("its raster layer has no run lengths (dense_rle)")
    if not isinstance(mapping, dict):
        raise DrawingError("its raster layer does not say which masks it holds (mask_annotation_ids_mapping)")
    table: dict[Any, int] = {0: _NOTHING}
    for number, value in mapping.items():
        if number not in names:
            raise DrawingError(f"its raster layer holds mask {number}, which is none of its annotations")
        table[as_key(value)] = classes.index[names[number]]
    if unknown := set(rle[::2]) - table.keys():
        raise DrawingError(f"its raster layer has the value {min(unknown)}, which is no mask's")
    if sum(rle[1::2]) != size[0] * size[1]:
        raise DrawingError(f"its raster layer has {sum(rle[1::2]):,} pixels, but the picture has {size[0] * size[1]:,}")
    return np.repeat(np.array([table[value] for value in rle[::2]], dtype=np.int16), rle[1::2]).reshape(size)


def _window(boxes: Sequence[Any], size: Size) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the canvas: the picture, and around it what boxes reach out of it."""
    left, top, right, bottom = 0.0, 0.0, float(size[1]), float(size[0])
    for box in boxes:
        if not isinstance(box, dict):
            continue
        values = [value for key in "xywh" if (value := _finite(box.get(key))) is not None]
        if len(values) < 4:
            continue
        x, y, width, height = values
        left, right = min(left, x), max(right, x + width)
        top, bottom = min(top, y), max(bottom, y + height)
    if -min(left, top) > FARTHEST or max(right - size[1], bottom - size[0]) > FARTHEST:
        raise DrawingError(f"an annotation reaches more than {FARTHEST:,} pixels out of the picture")
    return math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)


def paths_of(polygon: Any) -> list[Any]:
    """The paths of a polygon, as they are written."""
    return as_list(as_dict(polygon).get("paths")) or [as_dict(polygon).get("path")]


def _paths(polygon: Any, left: int, top: int, size: Size) -> list[list[tuple[int, int]]]:
    """A polygon's corners on the canvas, rounded and moved inside."""
    paths = []
    for path in paths_of(polygon):
        if not isinstance(path, list) or not path:
            raise DrawingError("a polygon has no corners")
        corners = []
        for point in path:
            x, y = (_finite(point.get("x")), _finite(point.get("y"))) if isinstance(point, dict) else (None, None)
            if x is None or y is None:
                raise DrawingError("a polygon's corner has no x and y")
            x, y = x - left, y - top
            corners.append((round(max(min(x, size[1] - 1), 0)), round(max(min(y, size[0] - 1), 0))))
        paths.append(corners)
    return paths


def _finite(value: Any) -> float | None:
    return value if isinstance(value, int | float) and math.isfinite(value) else None
