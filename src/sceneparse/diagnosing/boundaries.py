"""How good a model is along boundaries: boundary IoU, and the mean IoU by distance to the nearest boundary.

Boundary IoU: Cheng, Girshick, Dollár, Berg, Kirillov, "Boundary IoU: Improving Object-Centric Image Segmentation
Evaluation", CVPR 2021, equation 2: the IoU of a class, counting only the pixels of truth and of prediction that lie
within d of their own class's outline, d = 2% of the picture's diagonal. As in the authors' code, d is rounded to at
least 1 pixel, distances are those of d erosions by a 3x3 square, and the picture's border is an outline. Intersections
and unions are summed over all pictures, as for the mean IoU. Where the truth is unknown, so is the prediction: the
outline of an unknown area is one of both.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sceneparse.diagnosing.regions import uniform_within
from sceneparse.labels import IGNORE

WIDTH = 0.02
"""Width of the bands along boundaries (d in the paper) as a share of the picture's diagonal."""
BANDS = (0.0025, 0.005, 0.01, 0.02, 0.04)
"""Outer ends of the bands around true boundaries, as shares of the diagonal; a last band is all beyond."""


@dataclass(frozen=True)
class Boundaries:
    """How good a model is along boundaries.

    Args:
        intersection: (C,) pixels of the intersection of each class's boundaries.
        union: (C,) those of their union.
        bands: (6, C, C) confusion matrices, rows truth, of the pixels in each of `BANDS` and beyond.
        absent: What becomes of classes that are neither in the truth nor predicted in the mean: they are left out
            ("skip") or count as 0 ("zero"), as in the mean IoU beside it.
    """

    intersection: NDArray[np.int64]
    union: NDArray[np.int64]
    bands: NDArray[np.int64]
    absent: Literal["skip", "zero"] = "skip"

    def __repr__(self) -> str:
        mean = f", mean boundary IoU {100 * self.mean_iou:.2f}%" if self.union.any() else ""
        return f"Boundaries({len(self.union)} classes{mean})"

    def iou(self) -> list[float | None]:
        """Each class's boundary IoU; None where it is neither in the truth nor predicted."""
        pairs = zip(self.intersection.tolist(), self.union.tolist(), strict=True)
        return [here / all_ if all_ else None for here, all_ in pairs]

    @property
    def mean_iou(self) -> float:
        """The mean over the classes."""
        known = [one for one in self.iou() if one is not None]
        return sum(known) / (len(self.union) if self.absent == "zero" else len(known))


class BoundaryCounts:
    """Adds up pictures for `Boundaries`."""

    def __init__(self, num_classes: int) -> None:
        self._size = num_classes
        self._intersection = np.zeros(num_classes, dtype=np.int64)
        self._union = np.zeros(num_classes, dtype=np.int64)
        self._bands = np.zeros((len(BANDS) + 1, num_classes, num_classes), dtype=np.int64)

    def add(self, truth: NDArray[Any], prediction: NDArray[Any]) -> None:
        """Count a picture's (H, W) label maps."""
        known = truth != IGNORE
        read = np.where(known, prediction, IGNORE)
        radius = pixels(WIDTH, truth.shape)
        ours, theirs = (known & ~uniform_within(labels, radius, border=True) for labels in (truth, read))
        shared = np.bincount(truth[ours & theirs & (truth == read)], minlength=self._size)
        counts = [np.bincount(labels[rim], minlength=self._size) for labels, rim in ((truth, ours), (read, theirs))]
        self._intersection += shared
        self._union += counts[0] + counts[1] - shared
        band = self._band(truth)
        keys = (band[known] * self._size + truth[known]) * self._size + prediction[known]
        add_counts(self._bands, keys)

    def _band(self, truth: NDArray[Any]) -> NDArray[np.int64]:
        """(H, W) which band each pixel is in: for each end that it lies beyond, one more."""
        band = np.zeros(truth.shape, dtype=np.int64)
        for share in BANDS:
            band += uniform_within(truth, pixels(share, truth.shape), border=False)
        return band

    def result(self, absent: Literal["skip", "zero"] = "skip") -> Boundaries:
        """What was counted; `absent` is as in `Boundaries`."""
        return Boundaries(self._intersection, self._union, self._bands, absent)


def add_counts(table: NDArray[np.int64], keys: NDArray[np.int64]) -> None:
    """Add to a table how often each of its flat positions is named."""
    flat = table.reshape(-1)
    if flat.size <= keys.size:
        flat += np.bincount(keys, minlength=flat.size)
    else:  # of 1,000 classes a table holds more pairs than a picture has pixels
        cells, counts = np.unique(keys, return_counts=True)
        flat[cells] += counts


def pixels(share: float, shape: tuple[int, ...]) -> int:
    """A share of a picture's diagonal in whole pixels, at least 1."""
    return max(1, round(share * math.hypot(*shape)))
