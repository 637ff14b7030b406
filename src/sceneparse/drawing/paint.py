"""Paint label maps in their classes' colours, blend them with the photo, and mark where a parse is wrong."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.labels import IGNORE, LabelSpace

CORRECT = (238, 238, 238)
WRONG = (222, 18, 72)
UNKNOWN = (128, 128, 128)
"""Colours of `error_map`: right, wrong, and not counted because the truth is unknown."""


def paint(labels: NDArray[Any], space: LabelSpace) -> NDArray[np.uint8]:
    """Paint a label map in its label space's colours.

    Args:
        labels: (H, W) class indices, `IGNORE` (-1) where unknown.
        space: The label space.

    Returns:
        (H, W, 3) uint8, RGB; unknown pixels are black.
    """
    # The entry after the last class is the one that index -1 picks. Indexing with [labels] takes three times as long.
    return np.take(np.vstack([space.palette, np.zeros((1, 3), np.uint8)]), labels, axis=0)


def blend(image: NDArray[np.uint8], colors: NDArray[np.uint8], opacity: float) -> NDArray[np.uint8]:
    """Blend colours over a picture.

    Args:
        image: (H, W, 3) uint8.
        colors: (H, W, 3) uint8, or anything that broadcasts to it.
        opacity: How much of the colours is seen, 0 (none) to 1 (nothing else).

    Returns:
        (H, W, 3) uint8.
    """
    # Fixed point in 1/256: exact at both ends and several times faster than floating point.
    weight = round(opacity * 256)
    mixed = image.astype(np.uint16) * np.uint16(256 - weight) + colors.astype(np.uint16) * np.uint16(weight)
    return ((mixed + np.uint16(128)) >> 8).astype(np.uint8)


def error_map(truth: NDArray[Any], prediction: NDArray[Any]) -> NDArray[np.uint8]:
    """Colour each pixel by whether its label is right.

    Args:
        truth: (H, W) class indices, `IGNORE` (-1) where unknown.
        prediction: (H, W) class indices.

    Returns:
        (H, W, 3) uint8: `CORRECT`, `WRONG`, or `UNKNOWN` where the truth is unknown.
    """
    kind = np.where(truth == IGNORE, 2, truth != prediction)
    return np.array([CORRECT, WRONG, UNKNOWN], dtype=np.uint8)[kind]
