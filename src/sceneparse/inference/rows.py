"""Scores of a picture in bands of rows, so that the whole picture's never have to be held.

Scores of a whole picture at its own size can be huge (150 classes at 6000 x 4000: 13.4 GiB), and labels need no more
than a few rows of them at a time. So everything that gives scores gives rows, asked for from the top down.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F


class Rows(Protocol):
    """The scores of a picture, some rows at a time."""

    def rows(self, start: int, stop: int) -> Tensor:
        """Return rows as (classes, stop - start, width) float32; from call to call, `start` must not decrease."""
        ...


class Stretch:
    """Bilinear resizing from `size` to `target`, for some rows of the target at a time.

    Equals `networks.resize` of the whole map. Rows are mixed first, so the wide maps are made once.
    """

    def __init__(self, size: tuple[int, int], target: tuple[int, int], align_corners: bool) -> None:
        height, rows = size[0], target[0]
        step = (height - 1) / max(rows - 1, 1) if align_corners else height / rows
        offset = 0.0 if align_corners else 0.5
        position = ((torch.arange(rows, dtype=torch.float64) + offset) * step - offset).clamp_(0, height - 1)
        self._above = position.floor().long()
        self._below = (self._above + 1).clamp_(max=height - 1)
        self._weight = (position - self._above).float()
        self._width = target[1]
        self._same_width = size[1] == target[1]
        self._align_corners = align_corners

    def reach(self, start: int, stop: int) -> tuple[int, int]:
        """Return the source's rows, as start and stop, that these rows of the target need."""
        return int(self._above[start]), int(self._below[stop - 1]) + 1

    def __call__(self, source: Tensor, start: int, stop: int) -> Tensor:
        """Compute rows start..stop-1 of the target from the source's rows (C, n, width) within `reach`."""
        device, first = source.device, int(self._above[start])
        weight = self._weight[start:stop, None].to(device)
        above = source.index_select(1, (self._above[start:stop] - first).to(device))
        below = source.index_select(1, (self._below[start:stop] - first).to(device))
        mixed = torch.lerp(above, below, weight)
        if self._same_width:
            return mixed
        size = (stop - start, self._width)
        return F.interpolate(mixed[None], size, mode="bilinear", align_corners=self._align_corners)[0]

    def side_by_side(self, source: Tensor, start: int, stop: int) -> Tensor:
        """Compute the same with the classes last: from (n, width, C) rows to (stop - start, target's width, C)."""
        first = int(self._above[start])
        weight = self._weight[start:stop, None, None]
        above = source.index_select(0, self._above[start:stop] - first)
        mixed = torch.lerp(above, source.index_select(0, self._below[start:stop] - first), weight)
        if self._same_width:
            return mixed
        # As a batch of one, since a batch's own stride is what tells PyTorch that classes are last.
        planes = mixed[None].permute(0, 3, 1, 2)
        size = (stop - start, self._width)
        resized = F.interpolate(planes, size, mode="bilinear", align_corners=self._align_corners)
        return resized[0].permute(1, 2, 0)


class MapRows:
    """Rows of one or more score maps of the whole picture, resized and averaged.

    Args:
        maps: (classes, h, w) float32 logits each, at the network's own stride.
        target: Height and width of the picture.
        align_corners: How the maps are resized.
        probabilities: Average probabilities instead of logits.
        groups: Numbers of classes that belong together, where there are several tasks; None for one.
    """

    def __init__(
        self,
        maps: Sequence[Tensor],
        target: tuple[int, int],
        align_corners: bool,
        probabilities: bool,
        groups: Sequence[int] | None = None,
    ) -> None:
        if not probabilities and len(maps) > 1:  # resizing is linear: average while the maps are small
            maps = [torch.stack(list(maps)).mean(dim=0)]
        self._maps = maps
        self._probabilities = probabilities
        self._groups = groups
        self._stretch = Stretch((maps[0].shape[-2], maps[0].shape[-1]), target, align_corners)

    def rows(self, start: int, stop: int) -> Tensor:
        """See `Rows`."""
        first, end = self._stretch.reach(start, stop)
        bands = [self._stretch(scores[:, first:end], start, stop) for scores in self._maps]
        return mean([softmax(band, self._groups) if self._probabilities else band for band in bands])


class StretchedRows:
    """Rows of another source, resized as pictures are (corners not aligned)."""

    def __init__(self, source: Rows, size: tuple[int, int], target: tuple[int, int]) -> None:
        self._source = source
        self._stretch = Stretch(size, target, align_corners=False)

    def rows(self, start: int, stop: int) -> Tensor:
        """See `Rows`."""
        return self._stretch(self._source.rows(*self._stretch.reach(start, stop)), start, stop)


class MeanRows:
    """The average of several sources of one size."""

    def __init__(self, sources: Sequence[Rows]) -> None:
        self._sources = sources

    def rows(self, start: int, stop: int) -> Tensor:
        """See `Rows`."""
        return mean([source.rows(start, stop) for source in self._sources])


def softmax(scores: Tensor, groups: Sequence[int] | None) -> Tensor:
    """Return the probabilities of logits (classes, ...): over all classes, or over each group if there are several."""
    if groups is None:
        return scores.softmax(dim=0)
    return torch.cat([group.softmax(dim=0) for group in scores.split(list(groups))])


def mean(bands: Sequence[Tensor]) -> Tensor:
    """Average tensors of one shape."""
    if len(bands) == 1:
        return bands[0]
    total = bands[0] + bands[1]
    for band in bands[2:]:
        total += band
    return total.div_(len(bands))


def band_height(classes: int, width: int, device: str) -> int:
    """Return how many rows of scores to make at a time: for a cache, or for a worthwhile call to a GPU.

    On a CPU 2 MiB of scores were three times as fast as the whole (150 classes at 512 x 683: 244 against 779 ms).
    """
    values = 1 << 19 if device == "cpu" else 1 << 26
    return max(1, values // (classes * width))
