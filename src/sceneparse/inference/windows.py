"""Sliding windows, one row of windows at a time."""

import math

import torch
from torch import Tensor

from sceneparse.inference.engine import Engine
from sceneparse.networks import resize

AT_ONCE = 4
"""Windows that go through the engine together (twice as many pictures with mirror images)."""


def window_starts(length: int, window: int, step: int) -> list[int]:
    """Where windows begin along a side: every `step` pixels, the last one shifted back so that it ends with the side.

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
    """Rows of the average score of overlapping windows.

    The rows that a row of windows shares with the next one are kept until that one has been added; what is complete is
    handed out and dropped. So the memory is that of one row of windows, however tall the picture.

    Args:
        engine: What scores a window.
        image: (C, H, W), 0..255; padded in its middle where it is smaller than a window.
        window: Height and width of a window.
        stride: Step of the windows as a fraction of their size; the step is rounded up.
        flip: Average the scores of each window with those of its mirror image.
        probabilities: Average probabilities instead of logits.
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
    ) -> None:
        self._engine, self._window, self._flip, self._probabilities = engine, window, flip, probabilities
        self._columns = image.shape[-1]
        self._image, self._above, self._left = pad_to(image, window, tuple(engine.padding_color))
        height, width = self._image.shape[-2:]
        self._tops = window_starts(height, window[0], math.ceil(window[0] * stride))
        self._lefts = window_starts(width, window[1], math.ceil(window[1] * stride))
        self._counts = torch.outer(_cover(self._tops, window[0], height), _cover(self._lefts, window[1], width))
        self._next = 0  # the row of windows that comes next
        self._sum: Tensor | None = None  # (classes, rows, width) sums over windows from row `_first` on
        self._first = 0

    def rows(self, start: int, stop: int) -> Tensor:
        """See `Rows`."""
        start, stop = start + self._above, stop + self._above
        if start < self._first:
            raise ValueError("rows must be asked for from the top down")
        while self._next < len(self._tops) and self._tops[self._next] < stop:
            self._add_windows(self._tops[self._next], start)
            self._next += 1
        assert self._sum is not None
        columns = slice(self._left, self._left + self._columns)
        total = self._sum[:, start - self._first : stop - self._first, columns]
        return total / self._counts[start:stop, columns].to(total.device)

    def _add_windows(self, top: int, needed: int) -> None:
        """Add the windows of one row; what lies above row `needed` is dropped."""
        height, width = self._window
        for index in range(0, len(self._lefts), AT_ONCE):
            lefts = self._lefts[index : index + AT_ONCE]
            crops = torch.stack([self._image[:, top : top + height, left : left + width] for left in lefts])
            logits = self._engine(torch.cat([crops, crops.flip(-1)]) if self._flip else crops)
            if index == 0:
                self._extend(logits, min(needed, top), top + height)
            assert self._sum is not None
            band = self._sum[:, top - self._first : top - self._first + height]
            for place, left in enumerate(lefts):
                # One window at a window's size at a time: with many classes they are far larger than the logits.
                views = [logits[place]]
                if self._flip:
                    views.append(logits[len(lefts) + place].flip(-1))
                band[:, :, left : left + width] += self._average(views)

    def _average(self, views: list[Tensor]) -> Tensor:
        """The average of a window's views, (classes, h, w) logits each, at the window's size."""
        if not self._probabilities:
            views = [torch.stack(views).mean(dim=0)]
        scores = resize(torch.stack(views), self._window, self._engine.align_corners)
        return (scores.softmax(dim=1) if self._probabilities else scores).mean(dim=0)

    def _extend(self, like: Tensor, first: int, end: int) -> None:
        """Make the sums reach from row `first` to row `end`."""
        classes, width = like.shape[1], self._image.shape[-1]
        kept = like.new_zeros(classes, 0, width) if self._sum is None else self._sum[:, first - self._first :]
        fresh = like.new_zeros(classes, end - first - kept.shape[1], width)
        self._sum, self._first = torch.cat([kept, fresh], dim=1), first


def _cover(starts: list[int], window: int, length: int) -> Tensor:
    """How many of these windows cover each pixel along a side."""
    pixels = torch.arange(length)
    return torch.stack([(pixels >= start) & (pixels < start + window) for start in starts]).sum(dim=0).float()
