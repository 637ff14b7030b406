"""What occurs together in a picture: pixels by the classes that two label maps give them."""

import numpy as np
from numpy.typing import NDArray


def cooccurrence(
    rows: NDArray[np.int16],
    columns: NDArray[np.int16],
    shape: tuple[int, int],
    weights: NDArray[np.float32] | None = None,
) -> NDArray[np.float64]:
    """Count the pixels of each pair of classes of two label maps.

    Args:
        rows: (H, W) class indices, -1 for none.
        columns: The same of another task.
        shape: Number of classes of either.
        weights: What each pixel counts; 1 by default.

    Returns:
        Sums of the given shape; pixels without a class in either map are left out.
    """
    tall, wide = shape[0] + 1, shape[1] + 1
    total = np.zeros(tall * wide)
    # A band of rows at a time: bincount makes 64-bit copies of what it counts. Index -1 comes last, to be dropped.
    for top in range(0, rows.shape[0], 256):
        band = slice(top, top + 256)
        code = (rows[band].astype(np.int64) % tall) * wide + columns[band] % wide
        own = None if weights is None else weights[band].ravel()
        total += np.bincount(code.ravel(), own, minlength=tall * wide)
    return total.reshape(tall, wide)[:-1, :-1]
