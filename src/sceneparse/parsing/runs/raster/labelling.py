"""The labels of a raster, some rows at a time: reading, scoring and labelling overlap, each in a thread of its own."""

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sceneparse.inference import predict
from sceneparse.inference.deciding import threshold_of
from sceneparse.inference.engine import Engine
from sceneparse.inference.mirroring import mirror_image_of
from sceneparse.inference.protocol import TestProtocol
from sceneparse.inference.scoring import winners
from sceneparse.inference.tempering import temperature_of
from sceneparse.inference.windows import AT_ONCE, WindowRows
from sceneparse.labels import IGNORE
from sceneparse.parsing.runs.pipe import Ahead
from sceneparse.parsing.runs.raster.protocol import streams
from sceneparse.parsing.runs.raster.strips import RasterStrips, read_chunks
from sceneparse.pictures.rasters import BandForm, Raster
from sceneparse.pictures.rasters.raster import Pixels, environment

_SCORES = 1 << 19
"""Scores that are made at a time: what fits in a cache or so (`inference.rows.band_height`)."""
_WINDOWS_ACROSS = 8
"""Windows whose columns are labelled together."""
_PIXELS_AT_ONCE = 1 << 20
"""Pixels of all windows that go through the engine together, unless one alone has more."""


class Labels(NamedTuple):
    """Some rows of a raster's labels.

    Args:
        top: The first row.
        labels: (rows, columns) int16 class indices, `IGNORE` where the raster has no data.
        confidence: (rows, columns) float32, the probability of that class.
    """

    top: int
    labels: NDArray[np.int16]
    confidence: NDArray[np.float32]


class Scene(NamedTuple):
    """A raster as it is parsed.

    Args:
        path: Its file.
        channels: Channels of the picture.
        form: Its bands and ranges; without bands those that fit the model without doubt.
        size: Height and width.
        protocol: The protocol under which it is parsed.
    """

    path: Path
    channels: int
    form: BandForm
    size: tuple[int, int]
    protocol: TestProtocol


class Seen:
    """What was seen of a raster while it was labelled.

    Attributes:
        largest: The largest value so far, of bands whose own range is taken; else 0.
        extremes: The darkest and the brightest byte that values became; None where bytes are the raster's own.
    """

    def __init__(self) -> None:
        self.largest = 0
        self.extremes: tuple[int, int] | None = None

    def add(self, pixels: Pixels) -> None:
        """Take note of a window."""
        self.largest = max(self.largest, pixels.largest)
        if (found := pixels.extremes) is not None:
            known = self.extremes or found
            self.extremes = (min(known[0], found[0]), max(known[1], found[1]))


def labelled(engine: Engine, scene: Scene, columns: tuple[int, int], seen: Seen) -> Iterator[Labels]:
    """Label some columns of a raster, from the top down.

    The labels are those of the protocol over the raster as one picture: windows lie where they lie there, whatever is
    read at a time.

    Args:
        engine: What gives the scores.
        scene: The raster.
        columns: The first column and the one after the last.
        seen: Is told what was seen.

    Raises:
        PictureError: The raster is damaged.
    """
    if not streams(scene.protocol):
        yield _whole(engine, scene, seen)
        return
    window, protocol = scene.protocol.window, scene.protocol
    assert window is not None  # `streams` says so
    strips, stopped = RasterStrips((scene.channels, *scene.size), seen.add), threading.Event()
    windows = WindowRows(
        _Stoppable(engine, stopped),
        strips,
        window,
        protocol.stride,
        flip=protocol.flip,
        probabilities=protocol.average == "probabilities",
        hann=protocol.blend == "hann",
        columns=columns,
        at_once=max(1, min(AT_ONCE, _PIXELS_AT_ONCE // (window[0] * window[1]))),
    )
    chunks = read_chunks(scene.path, scene.channels, scene.form, windows.reached)
    with Ahead(chunks, limit=1) as read, _single_threaded() as threads:
        strips.take_from(iter(read))
        with Ahead(_scored(windows, threads), limit=1) as scored, _setting(stopped):
            windows.take_from(iter(scored))
            yield from _labels(windows, strips, scene, columns, engine)


def columns_of_scores(engine: Engine, scene: Scene, most: int) -> int:
    """Return how many columns can be labelled together by the memory that their windows' scores take; all at most.

    Args:
        engine: What gives the scores; it is shown an empty window where that may matter.
        scene: The raster; its protocol is one that `streams`.
        most: So many bytes.
    """
    protocol, window, width = scene.protocol, scene.protocol.window, scene.size[1]
    assert window is not None
    down, across = (math.ceil(side * protocol.stride) for side in window)
    # The rows of windows that reach into a row, and those that are ready, in the making and about to be dropped.
    rows = math.ceil(window[0] / down) + 3
    views = 2 if protocol.flip and protocol.average == "probabilities" else 1
    column = 4 * views * rows * engine.num_classes / across
    if column * window[0] * window[1] * width <= most:  # even of scores for every pixel
        return width
    scores = engine(torch.zeros(1, scene.channels, *window, dtype=torch.uint8))
    return min(width, max(2 * window[1], int(most / (column * scores.shape[-2] * scores.shape[-1]))))


def _whole(engine: Engine, scene: Scene, seen: Seen) -> Labels:
    """Label a raster that is small enough to be read at once."""
    with environment(), Raster(scene.path, scene.channels, scene.form, parallel=True) as raster:
        pixels = raster.read((0, scene.size[0]), (0, scene.size[1]))
    seen.add(pixels)
    prediction = predict(engine, torch.from_numpy(pixels.image), scene.protocol)
    labels = prediction.labels.numpy()
    if pixels.valid is not None:
        labels[~pixels.valid] = IGNORE
    return Labels(0, labels, prediction.confidence.numpy())


def _labels(
    windows: WindowRows, strips: RasterStrips, scene: Scene, columns: tuple[int, int], engine: Engine
) -> Iterator[Labels]:
    assert scene.protocol.window is not None
    width = columns[1] - columns[0]
    across = max(1024, _WINDOWS_ACROSS * scene.protocol.window[1])
    step = max(1, _SCORES // (engine.num_classes * min(across, width)))
    offset = columns[0] - windows.reached[0]
    for start in range(0, scene.size[0], step):
        stop = min(start + step, scene.size[0])
        labels = np.empty((stop - start, width), np.int16)
        confidence = np.empty((stop - start, width), np.float32)
        for first in range(0, width, across):
            part = slice(first, min(first + across, width))
            with torch.no_grad():
                scores = windows.part(start, stop, part.start, part.stop)
                winner, sure = winners(scores, scene.protocol, threshold_of(engine), temperature_of(engine))
            labels[:, part], confidence[:, part] = winner.cpu().numpy(), sure.cpu().numpy()
        valid = strips.valid(start, stop, slice(offset, offset + width))
        if valid is not None:
            labels[~valid] = IGNORE
        yield Labels(start, labels, confidence)


class _Stoppable:
    """An engine that refuses to go on once an event is set: an interrupt need not wait for a whole row of windows."""

    def __init__(self, engine: Engine, stopped: threading.Event) -> None:
        self._engine, self._stopped = engine, stopped
        self.name, self.precision = engine.name, engine.precision
        self.num_classes, self.align_corners = engine.num_classes, engine.align_corners
        self.mirror_image = mirror_image_of(engine)

    @property
    def padding_color(self) -> Sequence[float]:
        """See `Engine`."""
        return self._engine.padding_color

    def __call__(self, images: Tensor) -> Tensor:
        """See `Engine`."""
        if self._stopped.is_set():
            raise InterruptedError
        return self._engine(images)

    def describe(self) -> str:
        """See `Engine`."""
        return self._engine.describe()


@contextmanager
def _setting(event: threading.Event) -> Iterator[None]:
    """Set an event at the end."""
    try:
        yield
    finally:
        event.set()


@contextmanager
def _single_threaded() -> Iterator[int]:
    """Let PyTorch use one thread in this one, and yield how many it used: the network's threads take all cores.

    Small operations that are shared out among busy cores wait for each other most of the time.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def _scored(windows: WindowRows, threads: int) -> Iterator[Tensor]:
    """Score rows of windows with as many threads as PyTorch had; each thread of ours has a number of its own."""
    torch.get_num_threads()  # the first call in a thread takes the process's number
    torch.set_num_threads(threads)
    yield from windows.rows_of_windows()
