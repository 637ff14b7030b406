"""Score a picture by sliding windows, one row of windows at a time."""

import math
from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor

from sceneparse.inference.engine import Engine
from sceneparse.inference.mirroring import turned_back
from sceneparse.inference.rows import Stretch, mean, softmax

AT_ONCE = 4
"""Windows that go through the engine together (twice as many pictures with mirror images)."""


def window_starts(length: int, window: int, step: int) -> list[int]:
    """Return where windows begin along a side: every `step` pixels, the last shifted back to end with the side.

    There are ceil((length - window) / step) + 1 of them. `length` must be at least `window`.
    """
    count = math.ceil((length - window) / step) + 1
    return [min(index * step, length - window) for index in range(count)]


def pad_to(image: Tensor, size: tuple[int, int], color: tuple[float, ...]) -> tuple[Tensor, int, int]:
    """Pad a (C, H, W) picture with a colour to at least `size`, half of it before and the rest after.

    Returns:
        The picture (float32 where it was padded) and the rows above and columns left of it.
    """
    channels, height, width = image.shape
    tall, wide = max(height, size[0]), max(width, size[1])
    if (tall, wide) == (height, width):
        return image, 0, 0
    top, left = (tall - height) // 2, (wide - width) // 2
    padded = torch.tensor(color, dtype=torch.float32).view(-1, 1, 1).expand(channels, tall, wide).clone()
    padded[:, top : top + height, left : left + width] = image
    return padded, top, left


class Strips(Protocol):
    """A picture that is read a few rows at a time, from the top down."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        ...

    def strip(self, start: int, stop: int, columns: tuple[int, int]) -> Tensor:
        """Return some rows and columns as (C, stop - start, end - first), 0..255.

        Args:
            start: The first row; from call to call it must not decrease.
            stop: The row after the last.
            columns: The first column and the one after the last, the same at each call.
        """
        ...


class PictureStrips:
    """The strips of a (C, H, W) picture in memory."""

    def __init__(self, image: Tensor) -> None:
        self._image = image

    @property
    def shape(self) -> tuple[int, int, int]:
        """See `Strips`."""
        channels, height, width = self._image.shape
        return channels, height, width

    def strip(self, start: int, stop: int, columns: tuple[int, int]) -> Tensor:
        """See `Strips`."""
        return self._image[:, start:stop, slice(*columns)]


class WindowRows:
    """The average score of overlapping windows, computed row by row.

    Windows' logits are kept at the network's own stride, and only those of the rows of windows that still reach below
    the rows that were handed out. So the memory is that of one or two rows of windows' small maps and of the rows that
    are asked for, however tall the picture: at 12,000 pixels of width, 150 classes and windows of 473 pixels, scores of
    one row of windows would take 3.2 GiB at the picture's size and take 76 MiB at the network's.

    Args:
        engine: What scores a window.
        image: (C, H, W), 0..255, or a picture that is read in strips; padded in its middle where it is smaller than a
            window.
        window: Height and width of a window.
        stride: Step of the windows as a fraction of their size; the step is rounded up.
        flip: Average the scores of each window with those of its mirror image.
        probabilities: Average probabilities instead of logits.
        hann: Weigh a window's scores by sin²(π(y + ½) / height) · sin²(π(x + ½) / width), y and x being the pixel's row
            and column in the window, instead of alike. These are never zero, so that what one window alone covers has
            its scores.
        groups: As in `MapRows`.
        columns: Compute these columns alone, first and end, with the windows that reach into them. Default: all.
        at_once: So many windows go through the engine together.
    """

    def __init__(
        self,
        engine: Engine,
        image: Tensor | Strips,
        window: tuple[int, int],
        stride: float,
        *,
        flip: bool,
        probabilities: bool,
        hann: bool = False,
        groups: Sequence[int] | None = None,
        columns: tuple[int, int] | None = None,
        at_once: int = AT_ONCE,
    ) -> None:
        self._groups, self._at_once = groups, at_once
        self._engine, self._window, self._flip, self._probabilities = engine, window, flip, probabilities
        self._image: Strips = PictureStrips(image) if isinstance(image, Tensor) else image
        _, self._own_height, self._own_width = self._image.shape
        height, width = max(self._own_height, window[0]), max(self._own_width, window[1])
        self._above, left = (height - self._own_height) // 2, (width - self._own_width) // 2
        first, end = (0, self._own_width) if columns is None else columns
        self._first, self._end = first + left, end + left
        self._tops = window_starts(height, window[0], math.ceil(window[0] * stride))
        lefts = window_starts(width, window[1], math.ceil(window[1] * stride))
        self._lefts = [start for start in lefts if start < self._end and start + window[1] > self._first]
        weights = [_weights(side, hann) for side in window]
        self._weight = torch.outer(*weights) if hann else None
        self._down, self._across = _cover(self._tops, weights[0], height), _cover(lefts, weights[1], width)
        self._next = 0  # the row of windows that comes next
        # The top of each row of windows that is still needed, and its logits (windows, views, classes, h, w).
        self._kept: list[tuple[int, Tensor]] = []
        self._coming: Iterator[Tensor] | None = None
        self._stretch: Stretch | None = None
        self._start = 0

    def rows_of_windows(self) -> Iterator[Tensor]:
        """Score one row of windows after the other, from the top down: for a thread of its own (`take_from`)."""
        for top in self._tops:
            yield self._row_of_windows(top)

    def take_from(self, coming: Iterator[Tensor]) -> None:
        """Take all rows of windows from an iterator over `rows_of_windows` instead of scoring them on demand."""
        self._coming = coming

    @property
    def reached(self) -> tuple[int, int]:
        """The picture's columns, the first and the one after the last, that the windows reach into."""
        return self._lefts[0], min(self._lefts[-1] + self._window[1], self._own_width)

    def rows(self, start: int, stop: int) -> Tensor:
        """See `Rows`."""
        return self.part(start, stop, 0, self._end - self._first)

    def part(self, start: int, stop: int, first: int, end: int) -> Tensor:
        """Return some columns of rows, as (classes, stop - start, end - first) float32.

        Args:
            start: The first row; from call to call it must not decrease.
            stop: The row after the last.
            first: The first column, counted from the first that is computed.
            end: The column after the last.
        """
        start, stop = start + self._above, stop + self._above
        if start < self._start:
            raise ValueError("rows must be asked for from the top down")
        self._start = start
        wanted = (first + self._first, end + self._first)
        height = self._window[0]
        self._kept = [(top, logits) for top, logits in self._kept if top + height > start]
        while self._next < len(self._tops) and self._tops[self._next] < stop:
            self._keep(self._tops[self._next], start)
            self._next += 1
        _, latest = self._kept[-1]
        total = latest.new_zeros(latest.shape[2], stop - start, end - first)
        for top, logits in self._kept:
            upper, lower = max(start, top), min(stop, top + height)
            for left, views in zip(self._lefts, logits, strict=True):
                begin, finish = max(left, wanted[0]), min(left + self._window[1], wanted[1])
                if begin < finish:
                    scores = self._average(views, upper - top, lower - top)[:, :, begin - left : finish - left]
                    columns = slice(begin - wanted[0], finish - wanted[0])
                    total[:, upper - start : lower - start, columns] += scores
        counts = torch.outer(self._down[start:stop], self._across[slice(*wanted)])
        return total.div_(counts.to(total.device))

    def _keep(self, top: int, start: int) -> None:
        """Add a row of windows to those that are kept, unless it ends above the row `start`."""
        needed = top + self._window[0] > start
        if self._coming is not None:
            logits = next(self._coming)
        elif needed:
            logits = self._row_of_windows(top)
        if needed:
            self._kept.append((top, logits))

    def _row_of_windows(self, top: int) -> Tensor:
        """Return the logits (windows, views, classes, h, w) of a row of windows; averaged logits are one view."""
        height, width = self._window
        strip = self._image.strip(top, min(top + height, self._own_height), self.reached)
        strip, _, _ = pad_to(strip, self._window, tuple(self._engine.padding_color))
        kept: Tensor | None = None
        for start in range(0, len(self._lefts), self._at_once):
            lefts = self._lefts[start : start + self._at_once]
            starts = [left - self.reached[0] for left in lefts]
            crops = torch.stack([strip[:, :, left : left + width] for left in starts])
            logits = self._engine(torch.cat([crops, crops.flip(-1)]) if self._flip else crops)
            views = self._views(logits, len(lefts))
            if not self._probabilities:
                views = views.mean(dim=1, keepdim=True)
            if kept is None:
                kept = views.new_empty(len(self._lefts), *views.shape[1:])
            kept[start : start + len(lefts)] = views
        assert kept is not None  # there is one window at least
        return kept

    def _views(self, logits: Tensor, count: int) -> Tensor:
        """Return the logits of windows (windows, views, classes, h, w), behind which those of mirror images may lie."""
        if not self._flip:
            return logits[:, None]
        return torch.stack([logits[:count], turned_back(self._engine, logits[count:])], dim=1)

    def _average(self, views: Tensor, start: int, stop: int) -> Tensor:
        """Average and weigh a window's views (views, classes, h, w) at the window's size, for some of its rows."""
        if self._stretch is None:
            size = (views.shape[-2], views.shape[-1])
            self._stretch = Stretch(size, self._window, self._engine.align_corners)
        first, end = self._stretch.reach(start, stop)
        scores = [self._stretch(view[:, first:end], start, stop) for view in views]
        average = mean([softmax(score, self._groups) for score in scores] if self._probabilities else scores)
        return average if self._weight is None else average * self._weight[start:stop].to(average.device)


def _weights(side: int, hann: bool) -> Tensor:
    """Return the weight of each of a window's pixels along a side."""
    if not hann:
        return torch.ones(side)
    return (math.pi * (torch.arange(side, dtype=torch.float64) + 0.5) / side).sin().square().float()


def _cover(starts: Sequence[int], weights: Tensor, length: int) -> Tensor:
    """Return the windows' weights at each pixel along a side, added up."""
    total = torch.zeros(length)
    for start in starts:
        total[start : start + len(weights)] += weights
    return total
