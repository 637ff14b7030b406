"""Score a picture by sliding windows, one row of windows at a time."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from sceneparse.inference.engine import Engine
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


class WindowRows:
    """The average score of overlapping windows, computed row by row.

    Windows' logits are kept at the network's own stride, and only those of the rows of windows that still reach below
    the rows that were handed out. So the memory is that of one or two rows of windows' small maps and of the rows that
    are asked for, however tall the picture: at 12,000 pixels of width, 150 classes and windows of 473 pixels, scores of
    one row of windows would take 3.2 GiB at the picture's size and take 76 MiB at the network's.

    Args:
        engine: What scores a window.
        image: (C, H, W), 0..255; padded in its middle where it is smaller than a window.
        window: Height and width of a window.
        stride: Step of the windows as a fraction of their size; the step is rounded up.
        flip: Average the scores of each window with those of its mirror image.
        probabilities: Average probabilities instead of logits.
        groups: As in `MapRows`.
    """

    def __init__(
        self,
        engine: Engine,
        image: Tensor,
        window: tuple[int, int],
        stride: float,
        *,
        flip: bool,
        probabilities: bool,
        groups: Sequence[int] | None = None,
    ) -> None:
        self._groups = groups
        self._engine, self._window, self._flip, self._probabilities = engine, window, flip, probabilities
        self._columns = image.shape[-1]
        self._image, self._above, self._left = pad_to(image, window, tuple(engine.padding_color))
        height, width = self._image.shape[-2:]
        self._tops = window_starts(height, window[0], math.ceil(window[0] * stride))
        self._lefts = window_starts(width, window[1], math.ceil(window[1] * stride))
        self._down, self._across = _cover(self._tops, window[0], height), _cover(self._lefts, window[1], width)
        self._next = 0  # the row of windows that comes next
        # The top of each row of windows that is still needed, and its logits (windows, views, classes, h, w).
        self._kept: list[tuple[int, Tensor]] = []
        self._stretch: Stretch | None = None
        self._start = 0

    def rows(self, start: int, stop: int) -> Tensor:
        """See `Rows`."""
        start, stop = start + self._above, stop + self._above
        if start < self._start:
            raise ValueError("rows must be asked for from the top down")
        self._start = start
        height = self._window[0]
        self._kept = [(top, logits) for top, logits in self._kept if top + height > start]
        while self._next < len(self._tops) and self._tops[self._next] < stop:
            top = self._tops[self._next]
            if top + height > start:
                self._kept.append((top, self._row_of_windows(top)))
            self._next += 1
        _, latest = self._kept[-1]
        total = latest.new_zeros(latest.shape[2], stop - start, self._image.shape[-1])
        for top, logits in self._kept:
            first, end = max(start, top), min(stop, top + height)
            for left, views in zip(self._lefts, logits, strict=True):
                columns = slice(left, left + self._window[1])
                total[:, first - start : end - start, columns] += self._average(views, first - top, end - top)
        columns = slice(self._left, self._left + self._columns)
        counts = torch.outer(self._down[start:stop], self._across[columns])
        return total[:, :, columns].div_(counts.to(total.device))

    def _row_of_windows(self, top: int) -> Tensor:
        """Return the logits (windows, views, classes, h, w) of a row of windows; averaged logits are one view."""
        height, width = self._window
        kept: Tensor | None = None
        for start in range(0, len(self._lefts), AT_ONCE):
            lefts = self._lefts[start : start + AT_ONCE]
            crops = torch.stack([self._image[:, top : top + height, left : left + width] for left in lefts])
            logits = self._engine(torch.cat([crops, crops.flip(-1)]) if self._flip else crops)
            views = torch.stack([logits[: len(lefts)], logits[len(lefts) :].flip(-1)] if self._flip else [logits], 1)
            if not self._probabilities:
                views = views.mean(dim=1, keepdim=True)
            if kept is None:
                kept = views.new_empty(len(self._lefts), *views.shape[1:])
            kept[start : start + len(lefts)] = views
        assert kept is not None  # there is one window at least
        return kept

    def _average(self, views: Tensor, start: int, stop: int) -> Tensor:
        """Average a window's views (views, classes, h, w) at the window's size, for some of its rows."""
        if self._stretch is None:
            size = (views.shape[-2], views.shape[-1])
            self._stretch = Stretch(size, self._window, self._engine.align_corners)
        first, end = self._stretch.reach(start, stop)
        scores = [self._stretch(view[:, first:end], start, stop) for view in views]
        return mean([softmax(score, self._groups) for score in scores] if self._probabilities else scores)


def _cover(starts: list[int], window: int, length: int) -> Tensor:
    """Return how many of these windows cover each pixel along a side."""
    pixels = torch.arange(length)
    return torch.stack([(pixels >= start) & (pixels < start + window) for start in starts]).sum(dim=0).float()
