"""Check that label maps fit their picture and each other."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sceneparse.labels import IGNORE, TaskLabels
from sceneparse.pictures.decoding import PictureError


def ownership(tasks: TaskLabels) -> NDArray[np.bool_]:
    """Return whether each object can have each part, (objects + 1, parts + 1); the last row and column are for none."""
    objects, parts = len(tasks.objects) if tasks.objects else 0, len(tasks.parts) if tasks.parts else 0
    owned = np.zeros((objects + 1, parts + 1), dtype=np.bool_)
    for index, children in enumerate(tasks.tree.children if tasks.tree else ()):
        owned[index, list(children)] = True
    return owned


def inside(owned: NDArray[np.bool_], objects: NDArray[np.int16], parts: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return a part map with `IGNORE` wherever the object cannot have the part."""
    return np.where(owned[objects, parts], parts, np.int16(IGNORE))


def fitting(mask: NDArray[np.int16], size: tuple[int, int], path: Path) -> NDArray[np.int16]:
    """Return a label map, which must be as large as its picture.

    Raises:
        PictureError: It isn't.
    """
    if mask.shape != size:
        (height, width), (own_height, own_width) = size, mask.shape
        raise PictureError(f"{path}: {own_width}×{own_height} pixels, but its picture has {width}×{height}", "size")
    return mask
