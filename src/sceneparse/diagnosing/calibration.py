"""Whether a model is right as often as it says: expected calibration error and the reliability curve.

Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, equation 3, over pixels. Only 15
sums of each kind are kept, whatever the number of pixels.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True)
class Calibration:
    """Pixels by the confidence of their label, in 15 equal intervals of 0..1, each with its upper end.

    Args:
        pixels: (15,) how many.
        confidence: (15,) the sum of their confidences.
        right: (15,) how many of them are right.
    """

    pixels: NDArray[np.int64]
    confidence: NDArray[np.float64]
    right: NDArray[np.int64]

    def __repr__(self) -> str:
        return f"Calibration(error {100 * self.error:.2f}%, {int(self.pixels.sum()):,} pixels)"

    @property
    def error(self) -> float:
        """The expected calibration error: the mean gap between confidence and share of right pixels, 0..1."""
        return float(np.abs(self.confidence - self.right).sum() / max(int(self.pixels.sum()), 1))

    @property
    def overconfidence(self) -> float:
        """Mean confidence less the share of right pixels: above 0 for a model that is too sure of itself."""
        return float((self.confidence.sum() - self.right.sum()) / max(int(self.pixels.sum()), 1))

    def curve(self) -> list[tuple[float, float]]:
        """Mean confidence and share of right pixels of each interval that has pixels."""
        used = np.flatnonzero(self.pixels)
        sure, right = self.confidence[used] / self.pixels[used], self.right[used] / self.pixels[used]
        return list(zip(sure.tolist(), right.tolist(), strict=True))

    def to_json(self) -> dict[str, Any]:
        """For diagnosis.json; fractions 0..1."""
        return {
            "expected_calibration_error": self.error,
            "overconfidence": self.overconfidence,
            "intervals": [
                {"pixels": int(count), "confidence": float(sure / count), "right": float(right / count)}
                for count, sure, right in zip(self.pixels, self.confidence, self.right, strict=True)
                if count
            ],
        }


class CalibrationCounts:
    """Adds up pictures for a `Calibration`."""

    def __init__(self) -> None:
        self._pixels = np.zeros(BINS, dtype=np.int64)
        self._confidence = np.zeros(BINS)
        self._right = np.zeros(BINS, dtype=np.int64)

    def add(self, confidence: NDArray[Any], right: NDArray[np.bool_]) -> None:
        """Count the known pixels of a picture.

        Args:
            confidence: (N,) probability of each pixel's label, 0..1.
            right: (N,) whether it is right.
        """
        sure = confidence.astype(np.float64)
        interval = np.ceil(sure * BINS).astype(np.int64).clip(1, BINS) - 1
        self._pixels += np.bincount(interval, minlength=BINS)
        self._confidence += np.bincount(interval, sure, BINS)
        self._right += np.bincount(interval[right], minlength=BINS)

    def result(self) -> Calibration:
        """What was counted."""
        return Calibration(self._pixels, self._confidence, self._right)
