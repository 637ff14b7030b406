"""Label maps against their picture and against each other."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sceneparse.labels import IGNORE, TaskLabels
from sceneparse.pictures.decoding import PictureError


def ownership(tasks: TaskLabels) -> NDArray[np.bool_]:
    """(objects + 1, parts + 1) whether an object can have a part; the last row and column stand for none."""
    objects, parts = len(tasks.objects) if tasks.objects else 0, len(tasks.parts) if tasks.parts else 0
    owned = np.zeros((objects + 1, parts + 1), dtype=np.bool_)
    for index, children in enumerate(tasks.tree.children if tasks.tree else ()):
        owned[index, list(children)] = True
    return owned


def inside(owned: NDArray[np.bool_], objects: NDArray[np.int16], parts: NDArray[np.int16]) -> NDArray[np.int16]:
    """The parts that lie in an object that can have them; `IGNORE` elsewhere."""
    return np.where(owned[objects, parts], parts, np.int16(IGNORE))


def fitting(mask: NDArray[np.int16], size: tuple[int, int], path: Path) -> NDArray[np.int16]:
    """The map, if it is as large as its picture.

    Raises:
        PictureError: It isn't.
    """
    if mask.shape != size:
        (height, width), (own_height, own_width) = size, mask.shape
        raise PictureError(f"{path}: {own_width}×{own_height} pixels, but its picture has {width}×{height}", "size")
    return mask
