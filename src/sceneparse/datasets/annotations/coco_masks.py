"""COCO's two forms of a mask, as pycocotools reads them: run lengths and polygons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.datasets.annotations.outlines import flat_corners, has_area
from sceneparse.errors import MissingPackageError

Size = tuple[int, int]

FARTHEST = 1_000_000
"""Largest coordinate of a polygon. pycocotools walks along every outline, also outside the picture."""


class MaskError(ValueError):
    """A segmentation that is none; the message says why."""


def run_lengths(counts: Any) -> list[int]:
    """Return the run lengths of COCO's RLE, which begin with a run of zeros.

    Args:
        counts: A list of numbers, or COCO's compressed text: numbers of five bits a character, from the fourth on the
            difference to the number before the last.

    Raises:
        MaskError: It is neither.
    """
    if isinstance(counts, list):
        if not all(isinstance(count, int) and count >= 0 for count in counts):
            raise MaskError("its counts are not whole numbers of 0 or more")
        return counts
    if not isinstance(counts, str):
        raise MaskError("its counts are neither a list of numbers nor compressed text")
    found: list[int] = []
    value = shift = 0
    for sign in counts:
        bits = ord(sign) - 48
        if not 0 <= bits < 64:
            raise MaskError(f"its compressed counts hold '{sign}', which is none of their characters")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        found.append(value + (found[-2] if len(found) > 2 else 0))
        value = shift = 0
    if shift or any(count < 0 for count in found):
        raise MaskError("its compressed counts are cut off or damaged")
    return found


def rle_mask(rle: dict[str, Any], size: Size) -> NDArray[np.bool_]:
    """Return the mask of a run-length encoding, which goes column by column.

    Args:
        rle: With `counts` and `size`.
        size: Height and width of the picture.

    Raises:
        MaskError: It is damaged, or of another size.
    """
    own = rle.get("size")
    if not isinstance(own, list) or len(own) != 2:
        raise MaskError("its run lengths have no size")
    if tuple(own) != size:
        raise MaskError(f"its run lengths are for {own[1]}×{own[0]} pixels, but the picture has {size[1]}×{size[0]}")
    counts = run_lengths(rle.get("counts"))
    height, width = size
    if sum(counts) != height * width:
        raise MaskError(f"its run lengths add up to {sum(counts):,} pixels, but the picture has {height * width:,}")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T


def encloses_nothing(segmentation: Any) -> bool:
    """Return whether run lengths have no pixel, or no polygon of a list has a corner."""
    if isinstance(segmentation, dict):
        try:
            return not any(run_lengths(segmentation.get("counts"))[1::2])
        except MaskError:
            return False  # which is said when it is drawn
    return isinstance(segmentation, list) and not any(segmentation)


def polygon_mask(polygons: Sequence[Any], size: Size) -> NDArray[np.bool_]:
    """Return the union of polygons, filled as pycocotools fills them.

    Args:
        polygons: Each a list x, y, x, y, …, in pixels.
        size: Height and width of the picture.

    Raises:
        MaskError: One is no list of coordinates.
        MissingPackageError: pycocotools is not installed.
    """
    for polygon in polygons:
        if not isinstance(polygon, list) or len(polygon) % 2:
            raise MaskError("a polygon is not a list of x and y in turn")
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in polygon):
            raise MaskError("a polygon's coordinates are not all numbers")
        if any(abs(value) > FARTHEST for value in polygon):
            raise MaskError(f"a polygon's coordinate is beyond {FARTHEST:,} pixels")
    coco = mask_package()
    drawn = [polygon for polygon in polygons if has_area(flat_corners(polygon))]
    if not drawn:
        return np.zeros(size, dtype=np.bool_)
    union = coco.merge(coco.frPyObjects(drawn, *size))
    return rle_mask({"size": list(union["size"]), "counts": union["counts"].decode("ascii")}, size)


def mask_package() -> Any:
    """Return the package that fills polygons, which kinds ask for when they open a file that has some.

    Raises:
        MissingPackageError: pycocotools is not installed.
    """
    try:
        from pycocotools import mask
    except ImportError:
        raise MissingPackageError(
            "polygons of COCO JSON are filled by pycocotools, which is not installed: pip install "
            "'sceneparse[annotations]'"
        ) from None
    return mask
