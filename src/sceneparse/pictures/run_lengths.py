"""Encode masks as run lengths: COCO's RLE, which pycocotools and most annotation tools read.

The mask's pixels are taken column by column (Fortran order). `counts` are the lengths of runs of equal pixels, of 0 and
1 in turn, beginning with 0; so a mask whose first pixel is 1 begins with a run of length 0. `size` is height and width.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def run_lengths(labels: NDArray[np.int16]) -> dict[int, dict[str, Any]]:
    """Encode the masks of all classes that occur in a label map.

    Args:
        labels: (H, W) class indices; -1 where there is none.

    Returns:
        For each class index its mask: {"size": [H, W], "counts": [...]}.
    """
    height, width = labels.shape
    flat = labels.T.ravel()
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    stops = np.append(starts[1:], flat.size)
    classes = flat[starts]
    # Runs of one class together, from left to right.
    order = np.argsort(classes, kind="stable")
    found, first = np.unique(classes[order], return_index=True)
    masks = {}
    for index, runs in zip(found.tolist(), np.split(order, first[1:]), strict=True):
        if index >= 0:
            edges = np.column_stack((starts[runs], stops[runs])).ravel()
            counts = np.diff(edges, prepend=0).tolist()
            if edges[-1] < flat.size:
                counts.append(int(flat.size - edges[-1]))
            masks[index] = {"size": [height, width], "counts": counts}
    return masks


def compressed(counts: Sequence[int]) -> str:
    """Return run lengths as COCO's text, as pycocotools compresses them.

    From the fourth on a number is the difference to the last but one before it. Numbers are written five bits a
    character, the lowest first; a sixth bit says that more follow, and the highest of a number's bits is its sign.

    Args:
        counts: As in `run_lengths`.
    """
    numbers = np.array(counts, dtype=np.int64)
    numbers[3:] -= np.array(counts, dtype=np.int64)[1:-2]
    signs = np.zeros((len(numbers), _LONGEST), np.uint8)
    written = np.zeros(signs.shape, bool)
    going = np.ones(len(numbers), bool)
    for place in range(_LONGEST):
        bits = numbers & 31
        numbers >>= 5
        more = numbers != np.where(bits & 16, -1, 0)
        signs[:, place] = bits + 48 + 32 * more
        written[:, place] = going
        going &= more
    return signs[written].tobytes().decode("ascii")


_LONGEST = 8
"""Characters of the longest number, which is below 2 ** 39."""
