"""What the regions of a label map touch, and what lies within some pixels of a position.

Everything is a few passes of whole-array operations, without a loop over pixels, regions or classes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.labels import IGNORE
from sceneparse.labels.regions import Regions

BESIDE, ABOVE, BELOW = range(3)
"""Where a neighbour stands, as seen from the region."""

_OUTSIDE = -2


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
