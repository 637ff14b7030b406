"""A raster as strips for sliding windows: read ahead in a thread of its own, every block once."""

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sceneparse.pictures.rasters import BandForm, Raster
from sceneparse.pictures.rasters.raster import Pixels, environment

CHUNK_ROWS = 256
"""So many rows are read at once, or the height of a block if that is more."""


class Chunk(NamedTuple):
    """Some rows of a raster, from `top` on."""

    top: int
    pixels: Pixels

    @property
    def end(self) -> int:
        """The row after the last."""
        return self.top + self.pixels.image.shape[1]


def chunk_rows(block: int) -> int:
    """Return how many rows are read at once: whole blocks, unless these are very tall."""
    return block * max(1, CHUNK_ROWS // block) if block <= 4 * CHUNK_ROWS else CHUNK_ROWS


def read_chunks(path: Path, channels: int, form: BandForm, columns: tuple[int, int]) -> Iterator[Chunk]:
    """Read some columns of a raster from the top down; the raster is opened in the thread that iterates.

    Args:
        path: The raster.
        channels: Channels of the picture.
        form: Its bands and ranges.
        columns: The first column and the one after the last.

    Raises:
        PictureError: It is damaged.
    """
    with environment(), Raster(path, channels, form, parallel=True) as raster:
        step = chunk_rows(raster.block[0])
        for top in range(0, raster.height, step):
            yield Chunk(top, raster.read((top, min(top + step, raster.height)), columns))


class RasterStrips:
    """The strips of a raster; see `inference.windows.Strips`. Memory is that of the rows of one row of windows.

    One thread asks for strips and another, after it, for where the same rows have data.

    Args:
        shape: Channels, height and width of the whole raster.
        note: Is called with the pixels of each chunk.
    """

    def __init__(self, shape: tuple[int, int, int], note: Callable[[Pixels], None]) -> None:
        self.shape, self._note = shape, note
        self._chunks: deque[Chunk] = deque()
        # First row, row after the last, and where there is data: kept apart from the pixels, which are gone earlier.
        self._valid: deque[tuple[int, int, NDArray[np.bool_] | None]] = deque()
        self._coming: Iterator[Chunk] = iter(())

    def take_from(self, coming: Iterator[Chunk]) -> None:
        """Take the chunks, which hold the columns that are asked for, from an iterator."""
        self._coming = coming

    def strip(self, start: int, stop: int, columns: tuple[int, int]) -> Tensor:  # noqa: ARG002 - the chunks' own
        """See `Strips`."""
        while self._chunks and self._chunks[0].end <= start:
            self._chunks.popleft()
        while not self._chunks or self._chunks[-1].end < stop:
            chunk = next(self._coming)
            self._note(chunk.pixels)
            self._valid.append((chunk.top, chunk.end, chunk.pixels.valid))
            if chunk.end > start:
                self._chunks.append(chunk)
        parts = [
            one.pixels.image[:, max(start, one.top) - one.top : min(stop, one.end) - one.top] for one in self._chunks
        ]
        return torch.from_numpy(parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1))

    def valid(self, start: int, stop: int, columns: slice) -> NDArray[np.bool_] | None:
        """Return where rows have data, (stop - start, columns); None if that is so everywhere.

        Args:
            start: The first row; from call to call it must not decrease.
            stop: The row after the last; the rows of its windows have been asked for already.
            columns: Which of the chunks' columns.
        """
        while self._valid and self._valid[0][1] <= start:
            self._valid.popleft()
        result: NDArray[np.bool_] | None = None
        for top, end, valid in tuple(self._valid):
            if valid is None or top >= stop:
                continue
            if result is None:
                result = np.ones((stop - start, len(range(*columns.indices(valid.shape[1])))), np.bool_)
            upper, lower = max(start, top), min(stop, end)
            result[upper - start : lower - start] = valid[upper - top : lower - top, columns]
        return result
