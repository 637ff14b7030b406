"""What a video shows over time: shares of the classes, flicker, scene cuts; and their picture."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sceneparse.drawing.legend import LegendEntry
from sceneparse.drawing.render import draw_overlay
from sceneparse.labels import IGNORE, LabelSpace

MOST_SPANS = 256
"""A video is divided into so many spans at most; when there are more, each two become one."""
CUT = 0.5
"""Frames of which this share has other colours than the frame before begin a new scene."""
_TALL, _WIDE, _MARGIN = 240, 960, 26
_INK, _PAPER = (32, 32, 32), (250, 250, 250)


class SceneCuts:
    """Finds frames that begin a new scene: their colours' histogram is another than that of the frame before.

    The difference is the total variation distance of the two histograms over 8 x 8 x 8 colours, 0..1; motion changes it
    little, since what moves takes its colours along.
    """

    def __init__(self) -> None:
        self._before: NDArray[np.float64] | None = None

    def __call__(self, pixels: NDArray[np.uint8]) -> bool:
        """Whether a (H, W, 3) uint8 frame begins a new scene; the first one doesn't."""
        step = max(1, min(pixels.shape[:2]) // 64)
        some = pixels[::step, ::step].reshape(-1, 3) >> 5
        codes = some @ np.array([64, 8, 1])
        now = np.bincount(codes, minlength=512) / len(codes)
        before, self._before = self._before, now
        return before is not None and float(np.abs(now - before).sum()) / 2 > CUT


class Flicker:
    """The share of pixels whose label is another than in the frame before, scene cuts left out.

    Part of it is motion: what moves changes its pixels' labels rightly. So it compares two ways of labelling the same
    video, rather than two videos.
    """

    def __init__(self) -> None:
        self._before: NDArray[np.int16] | None = None
        self.changed = self.compared = 0

    def add(self, labels: NDArray[np.int16], *, cut: bool) -> tuple[int, int]:
        """Count a frame's (H, W) labels; the pixels of it that changed, and those that were compared."""
        before, self._before = self._before, labels
        if before is None or cut:
            return 0, 0
        changed = int(np.count_nonzero(labels != before))
        self.changed += changed
        self.compared += labels.size
        return changed, labels.size

    @property
    def share(self) -> float | None:
        """Over all frames so far, 0..1; None before two were compared."""
        return self.changed / self.compared if self.compared else None


@dataclass
class Span:
    """Some frames that follow each other.

    Args:
        start: When it begins, in seconds.
        pixels: (classes,) int64, pixels of each class.
        total: Pixels of all its frames.
        frames: How many they are.
        changed: Pixels that changed their label.
        compared: Pixels that were compared with those before.
    """

    start: float
    pixels: NDArray[np.int64]
    total: int
    frames: int = 1
    changed: int = 0
    compared: int = 0

    def join(self, other: "Span") -> None:
        """Take in the span that follows."""
        self.pixels = self.pixels + other.pixels
        self.total += other.total
        self.frames += other.frames
        self.changed += other.changed
        self.compared += other.compared


@dataclass
class Timeline:
    """Shares of the classes over a video. Memory doesn't grow with its length.

    Args:
        space: The classes.
    """

    space: LabelSpace
    spans: list[Span] = field(default_factory=list)
    _frames_a_span: int = 1

    def add(self, seconds: float, labels: NDArray[np.int16], changed: tuple[int, int]) -> None:
        """Add a frame.

        Args:
            seconds: Its time.
            labels: (H, W) class indices, -1 where there is none.
            changed: As `Flicker.add` gives it.
        """
        count = len(self.space)
        # -1 comes last, to be dropped.
        pixels = np.bincount(labels.ravel() % (count + 1), minlength=count + 1)[:count]
        span = Span(seconds, pixels.astype(np.int64), labels.size, 1, *changed)
        if self.spans and self.spans[-1].frames < self._frames_a_span:
            self.spans[-1].join(span)
            return
        if len(self.spans) == MOST_SPANS:
            for first, second in zip(self.spans[::2], self.spans[1::2], strict=True):
                first.join(second)
            self.spans = self.spans[::2]
            self._frames_a_span *= 2
        self.spans.append(span)

    @property
    def frames(self) -> int:
        """Number of frames."""
        return sum(span.frames for span in self.spans)

    def classes(self) -> list[dict[str, Any]]:
        """The classes that occur, the largest share first, as JSON has them."""
        pixels, total = self._sums()
        order = sorted(range(len(self.space)), key=lambda index: -pixels[index])
        return [
            {
                "name": self.space.names[index],
                "id": self.space.ids[index],
                "color": list(self.space.colors[index]),
                "share": round(int(pixels[index]) / total, 6),
                "pixels": int(pixels[index]),
            }
            for index in order
            if pixels[index]
        ]

    def to_json(self) -> list[dict[str, Any]]:
        """For each span its start in seconds, frames, shares of the classes, and flicker (None if nothing follows)."""
        return [
            {
                "start": round(span.start, 3),
                "frames": span.frames,
                "shares": {
                    self.space.names[index]: round(int(span.pixels[index]) / span.total, 4)
                    for index in np.argsort(-span.pixels, kind="stable")
                    if span.pixels[index]
                },
                "flicker": round(span.changed / span.compared, 6) if span.compared else None,
            }
            for span in self.spans
        ]

    def draw(self, seconds: float) -> Image.Image:
        """Shares over time as coloured bands, the largest class at the bottom, with a legend.

        Args:
            seconds: How long the video is.
        """
        pixels, total = self._sums()
        order = np.argsort(-pixels, kind="stable")
        ends = [*(span.start for span in self.spans[1:]), max(seconds, self.spans[-1].start)]
        labels = np.full((_TALL, _WIDE), IGNORE, np.int16)
        starts = np.array([span.start for span in self.spans])
        times = (np.arange(_WIDE) + 0.5) / _WIDE * max(ends[-1], 1e-9)
        for column, index in enumerate(np.searchsorted(starts, times, side="right").clip(1) - 1):
            span = self.spans[index]
            heights = np.cumsum(span.pixels[order]) * _TALL / span.total
            rows = np.searchsorted(heights, np.arange(_TALL) + 0.5)
            inside = rows < len(order)
            labels[::-1, column][inside] = order[rows[inside]].astype(np.int16)
        legend = [
            LegendEntry(
                self.space.names[index],
                self.space.ids[index],
                self.space.colors[index],
                int(pixels[index]) / total,
                1.0,
                int(pixels[index]),
            )
            for index in order.tolist()
            if pixels[index]
        ]
        white = np.full((_TALL, _WIDE, 3), 255, np.uint8)
        return _with_times(draw_overlay(white, labels, self.space, legend, 1.0), ends[-1])

    def _sums(self) -> tuple[NDArray[np.int64], int]:
        pixels = np.sum([span.pixels for span in self.spans], axis=0)
        return pixels, sum(span.total for span in self.spans)


def _with_times(bands: Image.Image, seconds: float) -> Image.Image:
    """Draw times above the bands."""
    image = Image.new("RGB", (bands.width, bands.height + _MARGIN), _PAPER)
    image.paste(bands, (0, _MARGIN))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=13)
    for tick in range(5):
        x = round(tick / 4 * (bands.width - 1))
        draw.line((x, _MARGIN - 5, x, _MARGIN - 1), _INK)
        inwards = "l" if tick == 0 else "r" if tick == 4 else "m"
        draw.text((x, _MARGIN - 7), clock(tick / 4 * seconds), _INK, font, anchor=f"{inwards}s")
    return image


def clock(seconds: float) -> str:
    """A time as a reader wants it: "2.5 s", "3:07", "1:02:03"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
