"""Where a crop lies: the window of a picture that it shows, anywhere, over a pixel, or where no class prevails."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sceneparse.labels import IGNORE

TRIES = 10
"""Windows that are looked at until no class prevails; if one does in all of them, one more is taken as it comes."""


@dataclass(frozen=True)
class Span:
    """The section of one side of the picture that is worked on.

    Args:
        start: First pixel of the original that is used.
        stop: One past the last.
        size: Pixels that this section has after the resize.
        offset: Where its first pixel falls in the crop; negative where a rotation's margin sticks out.
    """

    start: int
    stop: int
    size: int
    offset: int

    @classmethod
    def cut(cls, length: int, scaled: int, first: int, crop: int, margin: int = 0) -> "Span":
        """Cut `crop` pixels from `first` on, plus `margin` on both sides, out of a side that is scaled to `scaled`."""
        low, high = max(0, first - margin), min(scaled, first + crop + margin)
        start = min(round(low * length / scaled), length - 1)
        stop = max(round(high * length / scaled), start + 1)
        return cls(start, stop, high - low, low - first)

    def sources(self) -> Tensor:
        """Return for each pixel after the resize the nearest one of the original, (size,) int64."""
        step = (self.stop - self.start) / self.size
        pixels = torch.arange(self.size)
        return ((pixels + 0.5) * step).long().clamp_(max=self.stop - self.start - 1) + self.start


@dataclass(frozen=True)
class Frame:
    """A picture and the crops that can be cut out of it; all pairs are rows and columns.

    Args:
        size: The picture's size.
        scaled: Its size after the resize.
        crop: The crop's.
        angle: By how much the crop is turned about its centre, in radians.
    """

    size: tuple[int, int]
    scaled: tuple[int, int]
    crop: tuple[int, int]
    angle: float

    def anywhere(self, positions: tuple[float, float]) -> tuple[int, int]:
        """Return the first row and column of a crop that lies anywhere in the picture.

        Args:
            positions: Where it lies among the possible places along each side, 0..1.
        """
        top, left = (
            _first(scaled, crop, position, 0, scaled - crop)
            for scaled, crop, position in zip(self.scaled, self.crop, positions, strict=True)
        )
        return top, left

    def over(self, point: tuple[int, int], positions: tuple[float, float]) -> tuple[int, int]:
        """Return the first row and column of a crop that shows a pixel, anywhere in the picture besides.

        Where a rotation would turn the pixel out of the crop, the crop is moved by as little as brings it back, over
        the picture's border if need be.

        Args:
            point: The pixel, in the picture before the resize.
            positions: Where the crop lies among the possible places along each side, 0..1.
        """
        firsts, seen, inner = [], [], []
        for length, scaled, crop, pixel, position in zip(
            self.size, self.scaled, self.crop, point, positions, strict=True
        ):
            middle = (pixel + 0.5) * scaled / length
            # Off the crop's border by as much as rounding may move the pixel.
            border = min(math.ceil(scaled / length), (crop - 1) // 2)
            at = min(int(middle), scaled - 1)
            first = _first(scaled, crop, position, max(0, at - crop + 1 + border), min(scaled - crop, at - border))
            firsts.append(first)
            seen.append(middle - (first + crop / 2))
            inner.append(crop / 2 - border - 0.5)
        if self.angle:
            cosine, sine = math.cos(self.angle), math.sin(self.angle)
            y, x = seen
            turned = cosine * y - sine * x, sine * y + cosine * x
            row, column = (max(-most, min(most, value)) for value, most in zip(turned, inner, strict=True))
            firsts[0] += round(y - (cosine * row + sine * column))
            firsts[1] += round(x - (cosine * column - sine * row))
        return firsts[0], firsts[1]

    def spans(self, first: tuple[int, int], *, turned: bool = True) -> tuple[Span, Span]:
        """Return the rows and columns that a crop needs.

        Args:
            first: Its first row and column.
            turned: Whether with the margin that its rotation needs.
        """
        height, width = self.crop
        margins = (
            (margin(height, width, self.angle), margin(width, height, self.angle)) if turned and self.angle else (0, 0)
        )
        rows, columns = (
            Span.cut(*side) for side in zip(self.size, self.scaled, first, self.crop, margins, strict=True)
        )
        return rows, columns

    def balanced(self, objects: Tensor, firsts: Iterable[tuple[int, int]], most: float) -> tuple[int, int]:
        """Return the first crop in which no class has `most` of the labelled pixels.

        The label map alone is looked at, as it is after the resize, unturned. As in MMSegmentation, a crop of one
        class never passes, and where none of `TRIES` crops does, the one behind them is taken.

        Args:
            objects: (H, W) the picture's label map.
            firsts: First rows and columns of the crops, one more than `TRIES`.
            most: The share that no class may reach.
        """
        for tried, first in enumerate(firsts):
            if tried == TRIES:
                break
            rows, columns = self.spans(first, turned=False)
            counts = torch.bincount(nearest(objects, rows, columns).flatten().int() - IGNORE)[1:]
            if len(counts) and int(counts.max()) < most * int(counts.sum()):
                break
        return first


def nearest(mask: Tensor, rows: Span, columns: Span) -> Tensor:
    """Return a section of a label map (H, W) after the resize: each pixel is the nearest one of the original."""
    # NumPy's `take` is several times quicker at this than indexing, its own or torch's.
    return torch.from_numpy(mask.numpy().take(rows.sources().numpy(), 0).take(columns.sources().numpy(), 1))


def margin(along: int, across: int, angle: float) -> int:
    """How far a crop's corners reach beyond its side of length `along` when it is turned."""
    if not angle:
        return 0
    turned = along * abs(math.cos(angle)) + across * abs(math.sin(angle))
    return max(0, math.ceil((turned - along) / 2)) + 1


def pixel_of(objects: Tensor, index: int, position: float) -> tuple[int, int] | None:
    """Return the row and column of a pixel of a class; None if there is none.

    Args:
        objects: (H, W) label map.
        index: The class.
        position: Which of its pixels, 0..1.
    """
    found = np.flatnonzero(objects.numpy() == index)
    if not len(found):
        return None
    row, column = divmod(int(found[int(position * len(found))]), objects.shape[1])
    return row, column


def _first(scaled: int, crop: int, position: float, lowest: int, highest: int) -> int:
    """The first pixel of a crop between two bounds; what is smaller than the crop lies in its middle."""
    if scaled <= crop:
        return -((crop - scaled) // 2)
    lowest = min(lowest, scaled - crop)
    return lowest + int(position * (max(lowest, highest) - lowest + 1))
