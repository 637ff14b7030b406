"""Connected regions of a label map.

Everything is a few passes of whole-array operations, without a loop over pixels, regions or classes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
"""Top, left, bottom, right in pixels; the last two are the first row and column outside."""


@dataclass(frozen=True)
class Regions:
    """The connected regions of a label map; pixels that touch at a corner are connected.

    Args:
        ids: (H, W) int64, the region of each pixel.
        classes: (R,) each region's label, `IGNORE` for one without known truth.
        areas: (R,) pixels.
        boxes: (R, 4) as in `Box`.
    """

    ids: NDArray[np.int64]
    classes: NDArray[np.int64]
    areas: NDArray[np.int64]
    boxes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.classes)

    def __repr__(self) -> str:
        height, width = self.ids.shape
        return f"Regions({len(self)} in {width}×{height})"

    def count(self, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        """(R,) the pixels of each region that an (H, W) mask holds."""
        return np.bincount(self.ids[mask], minlength=len(self))

    def box(self, index: int) -> Box:
        """The box of one region."""
        top, left, bottom, right = self.boxes[index].tolist()
        return top, left, bottom, right


def find_regions(labels: NDArray[Any]) -> Regions:
    """The regions of an (H, W) label map, in the order of their first pixel.

    Runs of equal pixels in a row are joined to those that they touch in the row above, by union-find.
    """
    height, width = labels.shape
    begins = np.ones((height, width), dtype=bool)
    begins[:, 1:] = labels[:, 1:] != labels[:, :-1]
    runs = begins.cumsum().reshape(height, width) - 1
    first = np.flatnonzero(begins)
    roots = _joined(len(first), np.concatenate([_links(labels, runs, shift) for shift in (-1, 0, 1)]))
    kept, region = np.unique(roots, return_inverse=True)
    ids = region[runs]
    last = np.append(first[1:], height * width) - 1
    boxes = np.empty((len(kept), 4), dtype=np.int64)
    boxes[:, :2], boxes[:, 2:] = max(height, width), 0
    np.minimum.at(boxes[:, 0], region, first // width)
    np.minimum.at(boxes[:, 1], region, first % width)
    np.maximum.at(boxes[:, 2], region, first // width + 1)
    np.maximum.at(boxes[:, 3], region, last % width + 1)
    return Regions(ids, labels.ravel()[first[kept]].astype(np.int64), np.bincount(ids.ravel()), boxes)


def _links(labels: NDArray[Any], runs: NDArray[np.int64], shift: int) -> NDArray[np.int64]:
    """(N, 2) runs of equal label of which the lower one has a pixel under the upper one's, `shift` columns aside."""
    width = labels.shape[1]
    above, below = slice(max(-shift, 0), width - max(shift, 0)), slice(max(shift, 0), width - max(-shift, 0))
    upper, lower = runs[:-1, above], runs[1:, below]
    # Two runs touch in a stretch of columns, of which the first is enough.
    first = np.ones(upper.shape, dtype=bool)
    first[:, 1:] = (upper[:, 1:] != upper[:, :-1]) | (lower[:, 1:] != lower[:, :-1])
    first &= labels[:-1, above] == labels[1:, below]
    return np.stack([upper[first], lower[first]], axis=1)


def _joined(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """The smallest member of the set that each of `count` things ends up in, when the pairs are joined."""
    roots = np.arange(count)
    while True:
        one, other = roots[pairs[:, 0]], roots[pairs[:, 1]]
        apart = one != other
        if not apart.any():
            return roots
        np.minimum.at(roots, np.maximum(one, other)[apart], np.minimum(one, other)[apart])
        while not np.array_equal(up := roots[roots], roots):
            roots = up
