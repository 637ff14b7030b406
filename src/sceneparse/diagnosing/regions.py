"""Regions of a label map, what they touch, and what lies within some pixels of a position.

Everything is a few passes of whole-array operations, without a loop over pixels, regions or classes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.labels import IGNORE

BESIDE, ABOVE, BELOW = range(3)
"""Where a neighbour stands, as seen from the region."""

Box = tuple[int, int, int, int]
"""Top, left, bottom, right in pixels; the last two are the first row and column outside."""

_OUTSIDE = -2


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
    same = labels[:-1, above] == labels[1:, below]
    pairs = np.stack([runs[:-1, above][same], runs[1:, below][same]], axis=1)
    new = np.ones(len(pairs), dtype=bool)
    new[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    return pairs[new]


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


def outlines(regions: Regions, labels: NDArray[Any], chosen: NDArray[Any], num_classes: int) -> NDArray[np.float64]:
    """What stands beside, above and below some regions.

    Args:
        regions: Those of `labels`.
        labels: (H, W).
        chosen: (K,) indices of regions.
        num_classes: Number of classes C.

    Returns:
        (K, 3, C) shares of the outline of each, all of them summing to 1; 0 where nothing known touches the region.
        The picture's border and pixels without truth do not belong to an outline.
    """
    place = np.full(len(regions), -1)
    place[chosen] = np.arange(len(chosen))
    counts = np.zeros(len(chosen) * 3 * num_classes)
    left, right = (slice(None), slice(None, -1)), (slice(None), slice(1, None))
    upper, lower = (slice(None, -1), slice(None)), (slice(1, None), slice(None))
    sides = ((left, right, BESIDE), (right, left, BESIDE), (upper, lower, BELOW), (lower, upper, ABOVE))
    for here, there, side in sides:
        touching = (labels[here] != labels[there]) & (labels[there] != IGNORE)
        own, other = place[regions.ids[here][touching]], labels[there][touching].astype(np.int64)
        kept = own >= 0
        keys = (own[kept] * 3 + side) * num_classes + other[kept]
        counts += np.bincount(keys, minlength=len(counts))
    shares = counts.reshape(len(chosen), 3, num_classes)
    return shares / np.maximum(shares.sum(axis=(1, 2), keepdims=True), 1)


def uniform_within(labels: NDArray[Any], radius: int, *, border: bool) -> NDArray[np.bool_]:
    """Where all pixels at most `radius` rows and columns away have the same label.

    Args:
        labels: (H, W).
        radius: 1 or more.
        border: Whether what is outside of the picture counts as another label.
    """
    padded = np.pad(labels, radius, constant_values=_OUTSIDE) if border else np.pad(labels, radius, mode="edge")
    return _windows(padded, radius, np.minimum) == _windows(padded, radius, np.maximum)


def near(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Where an (H, W) mask holds a pixel at most `radius` rows and columns away."""
    return _windows(np.pad(mask, radius), radius, np.logical_or)


def _windows(padded: NDArray[Any], radius: int, combine: Callable[[Any, Any], NDArray[Any]]) -> NDArray[Any]:
    """`combine` over the square window around each pixel, in steps that double the window's side."""
    for axis in (0, 1):
        size, wanted = 1, 2 * radius + 1
        while size < wanted:
            step = min(size, wanted - size)
            ahead, behind = [slice(None)] * 2, [slice(None)] * 2
            ahead[axis], behind[axis] = slice(step, None), slice(None, -step)
            padded = combine(padded[tuple(ahead)], padded[tuple(behind)])
            size += step
    return padded
