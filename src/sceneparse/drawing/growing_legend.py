"""The legend of frames that follow each other: classes join it when they are first seen, and stay where they are."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sceneparse.drawing.panel import PAPER, Style, write_more, write_name, written_name
from sceneparse.drawing.render import draw_overlay, enlargement
from sceneparse.labels import LabelSpace
from sceneparse.settings.legend import LegendLayout

_SEEN = 0.001
"""A class joins the legend when it covers this share of a frame: what flickers in a few pixels is not seen."""
_USUAL = 12
"""The panel under a frame has room for so many classes, where the space has them and the height allows it."""
_TALLEST = 0.25
"""Of the frame's height, the panel under it takes this share at most, but for two lines."""
_SMALLEST_TEXT = 14
"""Videos are compressed, and often looked at in a small window: smaller text could not be read."""


class GrowingLegend:
    """Draws the overlays of a video's frames, each with the legend of the classes that were seen so far.

    The panel has one size for all frames. When it is full, a class takes the line of the one with the fewest pixels so
    far if it has more; the last line says how many are without one. Frames whose long side is below 320 pixels are
    enlarged by a whole number, as pictures are.

    Args:
        space: The classes.
        size: Height and width of the frames.
        layout: auto (beside upright frames, under any others), below, or none.

    Attributes:
        size: Height and width of what is drawn.
    """

    def __init__(self, space: LabelSpace, size: tuple[int, int], layout: LegendLayout) -> None:
        self._space, self._layout = space, layout
        self._pixels = np.zeros(len(space), np.int64)
        self._lines: list[int] = []
        self._seen: set[int] = set()
        self._panel: Image.Image | None = None
        self.size = size
        if layout == "none":
            return
        self._factor = enlargement(*size)
        height, width = (side * self._factor for side in size)
        self._style = style = Style(max(_SMALLEST_TEXT, Style.of(width, height).text))
        self._names = [written_name(name, space) for name in space.names]
        widest, gap = style.name_width(self._names), 2 * style.text
        if height > width and layout == "auto":
            self._columns, self._width = 1, max(min(widest, round(0.6 * width)), 6 * style.text)
            self._rows = max(1, (height - 2 * style.margin) // style.row)
            self._corner = (width, 0)
            self.size = height, width + self._width + 2 * style.margin
        else:
            room = width - 2 * style.margin
            self._columns = max(1, (room + gap) // (widest + gap))
            self._width = min(widest, room)
            tallest = max(2, (round(_TALLEST * height) - 2 * style.margin) // style.row)
            self._rows = min(math.ceil(min(len(space), _USUAL) / self._columns), tallest)
            self._corner = (0, height)
            self.size = height + self._rows * style.row + 2 * style.margin, width

    def draw(self, image: NDArray[np.uint8], labels: NDArray[np.int16], opacity: float) -> Image.Image:
        """Return the next frame's overlay with the legend.

        Args:
            image: (H, W, 3) uint8.
            labels: (H, W) class indices, -1 where there is none.
            opacity: How much of the colours is seen, 0..1.
        """
        if self._layout == "none":
            return draw_overlay(image, labels, self._space, None, opacity)
        if self._take(labels) or self._panel is None:
            self._panel = self._drawn()
        if self._factor > 1:
            image, labels = (np.repeat(np.repeat(one, self._factor, 0), self._factor, 1) for one in (image, labels))
        canvas = Image.new("RGB", self.size[::-1], PAPER)
        canvas.paste(draw_overlay(image, labels, self._space, None, opacity), (0, 0))
        canvas.paste(self._panel, self._corner)
        return canvas

    def _take(self, labels: NDArray[np.int16]) -> bool:
        """Count a frame; return whether the legend changes by it."""
        count = len(self._space)
        # -1 comes last, to be dropped.
        pixels = np.bincount(labels.ravel() % (count + 1), minlength=count + 1)[:count]
        self._pixels += pixels
        before = (tuple(self._lines), len(self._seen))
        for index in np.argsort(-pixels, kind="stable").tolist():
            if pixels[index] < _SEEN * labels.size or not pixels[index]:
                break
            self._seen.add(index)
            if index in self._lines:
                continue
            # The last line is needed to say how many classes have none.
            most = self._rows * self._columns
            room = most if len(self._seen) <= most else max(1, most - 1)
            del self._lines[room:]
            if len(self._lines) < room:
                self._lines.append(index)
                continue
            least = min(self._lines, key=lambda one: self._pixels[one])
            if self._pixels[index] > self._pixels[least]:
                self._lines[self._lines.index(least)] = index
        return before != (tuple(self._lines), len(self._seen))

    def _drawn(self) -> Image.Image:
        style = self._style
        height, width = self.size
        left, top = self._corner
        panel = Image.new("RGB", (width - left, height - top), PAPER)
        draw = ImageDraw.Draw(panel)
        step = self._width + 2 * style.text
        spots = [
            (style.margin + column * step, style.margin + row * style.row + style.row // 2)
            for row in range(self._rows)
            for column in range(self._columns)
        ]
        for index, spot in zip(self._lines, spots, strict=False):
            write_name(draw, style, self._names[index], self._space.colors[index], spot, self._width)
        if (more := len(self._seen) - len(self._lines)) and len(self._lines) < len(spots):
            write_more(draw, style, more, spots[-1])
        return panel
