"""The regions of a Label Studio annotation, and the pixels of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sceneparse.datasets.annotations.brush import OPAQUE, BrushError, brush_mask
from sceneparse.datasets.annotations.filling import inside_ellipse, inside_paths, turned_rectangle
from sceneparse.datasets.annotations.jsonfiles import as_key
from sceneparse.datasets.annotations.png_masks import MaskPngError, base64_bytes, opacity, picture_values

Size = tuple[int, int]


class RegionError(ValueError):
    """A region that cannot be used; the message says why."""


class Region(NamedTuple):
    """A region that somebody drew and labelled.

    Args:
        label: Its label.
        size: Height and width of the picture that it was drawn on; (0, 0) where it isn't said.
        value: Its form: `rle`, `imageDataURL`, `points`, or x and y with radii or width and height, in percent.
    """

    label: str
    size: Size
    value: dict[str, Any]

    @property
    def stroked(self) -> bool:
        """Whether it was painted, not outlined."""
        return "rle" in self.value


FORMS: tuple[tuple[str, ...], ...] = (
    ("rle",),
    ("imageDataURL",),
    ("points",),
    ("x", "y", "radiusX", "radiusY"),
    ("x", "y", "width", "height"),
)
"""What a region's value holds, of each form that has an area."""


def regions_of(results: Sequence[Any]) -> tuple[list[Region], int]:
    """Return the labelled regions of an annotation's results, and the number of those that have no label or no area.

    Raises:
        RegionError: A region has several labels, was drawn on a turned picture, or has no size.
    """
    regions, left, labelled = [], 0, set()
    bare: list[Any] = []
    for result in results:
        value = result.get("value") if isinstance(result, dict) else None
        if not isinstance(value, dict):
            continue
        labels = next((v for key, v in value.items() if key.endswith("labels") and isinstance(v, list)), None)
        form = next((form for form in FORMS if all(key in value for key in form)), None)
        if form is None or not labels:
            # Choices, texts and relations have no picture's size.
            if "original_width" in result:
                bare.append(as_key(result.get("id")))
            continue
        if len(labels) > 1:
            raise RegionError(f"a region has the labels {', '.join(map(str, labels))}: a pixel can have one class only")
        if result.get("image_rotation"):
            raise RegionError("its picture was turned in Label Studio; save it turned and annotate that")
        height, width = result.get("original_height"), result.get("original_width")
        if not (isinstance(height, int) and isinstance(width, int)):
            raise RegionError("a region has no original_width and original_height; export it again")
        kept = {key: value[key] for key in (*form, "rotation") if key in value}
        regions.append(Region(str(labels[0]), (height, width), kept))
        labelled.add(as_key(result.get("id")))
    # A stroke and its label can be two results of one id.
    left += sum(number is None or number not in labelled for number in bare)
    return regions, left


def percent_corners(value: dict[str, Any]) -> Any:
    """Return the corners of a polygon or an upright rectangle, in percent of the picture's width and height."""
    if "points" in value:
        return value["points"]
    if "width" not in value or value.get("rotation"):
        return ()
    left, top, width, height = (value[key] for key in ("x", "y", "width", "height"))
    try:
        return [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]
    except TypeError:
        return ()


def region_mask(region: Region, size: Size) -> NDArray[np.bool_]:
    """Return the pixels of a region: of a stroke those painted at least half, of outlines those with the centre inside.

    Raises:
        RegionError: It is damaged or was drawn on a picture of another size.
    """
    value = region.value
    if region.size not in (size, (0, 0)):
        raise RegionError(f"drawn at {region.size[1]}×{region.size[0]} pixels, but the picture has {size[1]}×{size[0]}")
    try:
        if "rle" in value:
            return brush_mask(value["rle"], size)
        if "png" in value:
            return _of_size(picture_values(Path(value["png"]).read_bytes()), size)
        if "imageDataURL" in value:
            _, _, text = str(value["imageDataURL"]).partition(",")
            return _of_size(opacity(base64_bytes(text)), size)
    except (BrushError, MaskPngError) as error:
        raise RegionError(str(error)) from None
    except OSError as error:
        raise RegionError(f"{value['png']} cannot be read ({error.strerror})") from None
    return _outlined(value, size)


def _of_size(alpha: NDArray[np.uint8], size: Size) -> NDArray[np.bool_]:
    if alpha.shape != size:
        raise RegionError(f"its mask is of {alpha.shape[:2]} pixels (height, width), but the picture of {size}")
    mask: NDArray[np.bool_] = alpha >= OPAQUE
    return mask


def _outlined(value: dict[str, Any], size: Size) -> NDArray[np.bool_]:
    height, width = size
    if "points" in value:
        points = value["points"]
        if not isinstance(points, list) or len(points) < 3:
            raise RegionError("a polygon has at least 3 points")
        if not all(isinstance(point, list) and len(point) == 2 for point in points):
            raise RegionError("its points are not all an x and a y")
        numbers = [_number(part) for point in points for part in point]
        path = [(x / 100 * width, y / 100 * height) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
        return inside_paths([path], size)
    x, y = _number(value["x"]) / 100 * width, _number(value["y"]) / 100 * height
    degrees = _number(value.get("rotation", 0))
    if "radiusX" in value:
        radii = (_number(value["radiusX"]) / 100 * width, _number(value["radiusY"]) / 100 * height)
        return inside_ellipse((x, y), radii, degrees, size) if min(radii) > 0 else np.zeros(size, dtype=np.bool_)
    across, down = _number(value["width"]) / 100 * width, _number(value["height"]) / 100 * height
    return inside_paths([turned_rectangle(x, y, across, down, degrees)], size)


def _number(given: Any) -> float:
    if not isinstance(given, int | float) or not math.isfinite(given) or abs(given) > 1_000_000:
        raise RegionError(f"{given!r} is no coordinate in percent")
    return float(given)
