"""Metrics: an integer confusion matrix first; every score is a function of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sceneparse.labels import IGNORE

BAND = 1 << 22
"""Pixels that are counted at a time."""


class ConfusionMatrix:
    """Counts of pixels by true and by predicted class.

    Args:
        num_classes: Number of classes C.

    Attributes:
        counts: (C, C) int64; rows are the truth, columns the prediction.
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.counts = torch.zeros(num_classes, num_classes, dtype=torch.int64)

    def __repr__(self) -> str:
        return f"ConfusionMatrix({self.num_classes} classes, {int(self.counts.sum()):,} pixels)"

    def update(self, truth: Tensor, prediction: Tensor) -> Tensor:
        """Add a picture.

        Args:
            truth: (H, W) class indices, `IGNORE` (-1) where unknown; such pixels don't count, whatever is predicted.
            prediction: (H, W) class indices.

        Returns:
            The picture's own (C, C) counts.

        Raises:
            ValueError: Different sizes, or values that are no class index.
        """
        if truth.shape != prediction.shape:
            raise ValueError(f"truth is {tuple(truth.shape)}, but prediction is {tuple(prediction.shape)}")
        counts = torch.zeros_like(self.counts)
        # A whole raster at once would take several copies of 8 bytes a pixel.
        rows = max(1, BAND // max(1, math.prod(truth.shape[1:])))
        for band in zip(*(torch.atleast_1d(labels).split(rows) for labels in (truth, prediction)), strict=True):
            counts += self._counted(*band)
        self.counts += counts
        return counts

    def _counted(self, truth: Tensor, prediction: Tensor) -> Tensor:
        """(C, C) the counts of some rows of a picture."""
        known, size = truth != IGNORE, self.num_classes
        rows, columns = truth[known].to(torch.int64), prediction[known].to(torch.int64)
        for name, values in (("truth", rows), ("prediction", columns)):
            if values.numel() and not 0 <= int(values.min()) <= int(values.max()) < size:
                raise ValueError(f"{name} has values {int(values.min())}..{int(values.max())}, not 0..{size - 1}")
        return torch.bincount(rows * size + columns, minlength=size * size).view(size, size).cpu()


@dataclass(frozen=True)
class ClassScore:
    """One class's score.

    Args:
        name: The class.
        iou: Intersection over union, 0..1; None where the class is neither in the truth nor predicted.
        accuracy: Share of its true pixels that are found; None where it has none.
        pixels: Its true pixels.
    """

    name: str
    iou: float | None
    accuracy: float | None
    pixels: int


@dataclass(frozen=True)
class Scores:
    """The benchmarks' scores, 0..1.

    Args:
        mean_iou: Mean of the classes' IoU.
        pixel_accuracy: Share of the pixels that are right.
        mean_accuracy: Mean of the classes' accuracy.
        frequency_weighted_iou: Mean of the classes' IoU, weighted by their true pixels.
        classes: Every class, in the label space's order.
    """

    mean_iou: float
    pixel_accuracy: float
    mean_accuracy: float
    frequency_weighted_iou: float
    classes: tuple[ClassScore, ...]

    def __repr__(self) -> str:
        figures = f"mean IoU {100 * self.mean_iou:.2f}%, pixel accuracy {100 * self.pixel_accuracy:.2f}%"
        return f"Scores({figures}, {len(self.classes)} classes)"


def score(counts: Tensor, names: Sequence[str], absent: Literal["skip", "zero"]) -> Scores:
    """Compute the scores of a confusion matrix.

    Args:
        counts: (C, C) pixels, rows truth, columns prediction.
        names: The C classes' names.
        absent: What becomes of classes without a score (no union for the IoU, no true pixels for the accuracy) in
            the two means: they are left out ("skip") or count as 0 ("zero").

    Raises:
        ValueError: No pixel was counted, so there is nothing to score.
    """
    hits, truth, union = _hits_truth_union(counts)
    total = truth.sum()
    if total == 0:
        raise ValueError("no pixel was counted, so there is nothing to score")
    iou, accuracy = hits / union, hits / truth  # NaN for 0 / 0
    zero = absent == "zero"
    return Scores(
        mean_iou=_mean(iou, zero),
        pixel_accuracy=float(hits.sum() / total),
        mean_accuracy=_mean(accuracy, zero),
        frequency_weighted_iou=float((truth / total * iou.nan_to_num(0.0)).sum()),
        classes=tuple(
            ClassScore(name, _known(iou[index]), _known(accuracy[index]), int(truth[index]))
            for index, name in enumerate(names)
        ),
    )


def picture_score(counts: Tensor) -> tuple[float | None, float | None]:
    """Mean IoU and pixel accuracy of a single picture; None where it has no known pixel.

    The mean is over the classes that occur in the picture's truth or prediction, under every protocol: of many classes,
    a single picture shows few.
    """
    hits, truth, union = _hits_truth_union(counts)
    total = truth.sum()
    if total == 0:
        return None, None
    return _mean(hits / union, zero=False), float(hits.sum() / total)


def _hits_truth_union(counts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For each class, float64."""
    counts = counts.double()
    hits, truth = counts.diagonal(), counts.sum(dim=1)
    return hits, truth, truth + counts.sum(dim=0) - hits


def _mean(values: Tensor, zero: bool) -> float:
    """The mean over classes; NaN counts as 0 or is left out."""
    return float(values.nan_to_num(0.0).mean() if zero else values.nanmean())


def _known(value: Tensor) -> float | None:
    return None if value.isnan() else float(value)
