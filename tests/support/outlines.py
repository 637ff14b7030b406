"""Fill paths that run along the edges of pixels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sceneparse.pictures.outlines import Ring


def filled(path: Ring | Sequence[Sequence[float]], size: tuple[int, ...]) -> NDArray[np.bool_]:
    """The pixels inside a closed path by the even-odd rule: each side along a column toggles what lies to its right."""
    corners = np.asarray(path, int)
    toggles = np.zeros((size[0], size[1] + 1), bool)
    for (x, y), (next_x, next_y) in zip(corners.tolist(), np.roll(corners, -1, axis=0).tolist(), strict=True):
        assert x == next_x or y == next_y
        if x == next_x:
            toggles[min(y, next_y) : max(y, next_y), x] ^= True
    mask: NDArray[np.bool_] = np.logical_xor.accumulate(toggles, axis=1)[:, :-1]
    return mask
