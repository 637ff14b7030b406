"""Draw a parse: the picture under its classes' colours, regions outlined, beside a panel that names the classes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sceneparse.drawing.lettering import Lettering, can_write, without_accents
from sceneparse.drawing.paint import blend, paint
from sceneparse.labels import Color, LabelSpace

_SMALLEST = 320
"""Pictures whose long side is shorter are enlarged when a legend is drawn: names need about this much room."""
_PAPER: Color = (250, 250, 250)
_INK: Color = (32, 32, 32)
_FAINT: Color = (112, 112, 112)
_CHIP_EDGE: Color = (150, 150, 150)
_BORDER_OPACITY = 0.45
_BAND = 256
"""Rows that are drawn at a time."""


class Entry(Protocol):
    """What the panel shows of a class."""

    @property
    def name(self) -> str:
        """Name of the class."""
        ...

    @property
    def color(self) -> Color:
        """Colour of the class, RGB 0..255."""
        ...

    @property
    def share(self) -> float:
        """Share of the picture that the class covers, 0..1."""
        ...


def draw_overlay(
    image: NDArray[np.uint8],
    labels: NDArray[np.int16],
    space: LabelSpace,
    legend: Sequence[Entry] | None,
    opacity: float,
) -> Image.Image:
    """Lay the classes' colours over a picture, draw the regions' borders, and add a panel with the classes.

    Args:
        image: (H, W, 3) uint8.
        labels: (H, W) class indices; pixels of none (-1) show the picture.
        space: The label space.
        legend: What the panel shows, in this order; None or nothing draws no panel.
        opacity: How much of the colours is seen, 0..1.

    Returns:
        A picture of the given one's size (a whole multiple of it if it is small and has a panel), plus the panel.
    """
    legend = legend and [_Named(written_name(entry.name, space), entry.color, entry.share) for entry in legend]
    thickness = max(1, round(min(labels.shape) / 500))
    if legend and (factor := math.ceil(_SMALLEST / max(labels.shape))) > 1:
        image, labels = (np.repeat(np.repeat(pixels, factor, 0), factor, 1) for pixels in (image, labels))
    height, width = labels.shape
    if not legend:
        canvas = Image.new("RGB", (width, height))
    else:
        canvas = _beside(width, height, legend) if height > width else _under(width, height, legend)
    # Bands of rows, with what a border may reach into them from outside: drawing takes no more than the canvas itself.
    for top in range(0, height, _BAND):
        bottom = min(top + _BAND, height)
        first, last = max(0, top - thickness), min(height, bottom + thickness)
        drawn = _blended(image[top:bottom], labels[top:bottom], space, opacity)
        edge = _borders(labels[first:last], thickness)[top - first : bottom - first]
        drawn[edge] = blend(drawn[edge], np.array([255, 255, 255], np.uint8), _BORDER_OPACITY)
        canvas.paste(Image.fromarray(drawn), (0, top))
    return canvas


def written_name(name: str, space: LabelSpace) -> str:
    """Return a class's name, or "id 7" where no font of this machine has its characters; its JSON has both."""
    if can_write(name):
        return name
    plain = without_accents(name)
    if can_write(plain) or name not in space.names:
        return plain
    return f"id {space.ids[space.names.index(name)]}"


@dataclass(frozen=True)
class _Named:
    """A class as the panel writes it."""

    name: str
    color: Color
    share: float


def draw_panels(panels: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    """Draw pictures side by side, at most three in a row, each under its title.

    Args:
        panels: Titles and pictures.
    """
    columns = min(3, len(panels))
    width, height = (max(side) for side in zip(*(drawn.size for _, drawn in panels), strict=True))
    style = _Style.of(width, height)
    head = style.row + style.margin
    gap = style.margin
    rows = math.ceil(len(panels) / columns)
    canvas = Image.new("RGB", (columns * (width + gap) + gap, rows * (height + head + gap) + gap), _PAPER)
    draw = ImageDraw.Draw(canvas)
    for slot, (title, drawn) in enumerate(panels):
        left, top = gap + slot % columns * (width + gap), gap + slot // columns * (height + head + gap)
        style.letters.write(draw, (left, top + head // 2), title, _INK, "lm")
        canvas.paste(drawn, (left, top + head))
    return canvas


def _blended(
    image: NDArray[np.uint8], labels: NDArray[np.int16], space: LabelSpace, opacity: float
) -> NDArray[np.uint8]:
    colors = paint(labels, space)
    nothing = labels < 0
    if nothing.any():
        colors[nothing] = image[nothing]
    return blend(image, colors, opacity)


def _borders(labels: NDArray[np.int16], thickness: int) -> NDArray[np.bool_]:
    """Return which pixels lie on a border between classes, `thickness` pixels wide."""
    edge = np.zeros(labels.shape, dtype=bool)
    edge[1:] |= labels[1:] != labels[:-1]
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    for step in range(thickness - 1):
        thin = edge.copy()
        # Grown to one side and the other in turn, so that the line stays where the border is.
        if step % 2:
            edge[1:] |= thin[:-1]
            edge[:, 1:] |= thin[:, :-1]
        else:
            edge[:-1] |= thin[1:]
            edge[:, :-1] |= thin[:, 1:]
    return edge


@dataclass(frozen=True)
class _Style:
    """Measures of the panel in pixels, all in proportion to the text."""

    text: int

    @classmethod
    def of(cls, width: int, height: int) -> "_Style":
        # Text grows more slowly than the picture: a large picture is looked at closer, or scaled down to a screen.
        text = max(11, round(0.026 * math.sqrt(width * height)))
        return cls(text)

    @property
    def letters(self) -> Lettering:
        return Lettering(self.text)

    @property
    def row(self) -> int:
        return round(1.55 * self.text)

    @property
    def margin(self) -> int:
        return round(0.8 * self.text)

    @property
    def chip(self) -> int:
        return round(1.05 * self.text)

    @property
    def share(self) -> int:
        """Width of the column of shares."""
        return round(self.letters.length("100 %"))

    def width(self, legend: Sequence[Entry]) -> int:
        """Return the width of a column that holds every name but the very long ones, which are cut."""
        name = max(self.letters.length(entry.name) for entry in legend)
        return self.chip + round(0.5 * self.text) + min(math.ceil(name), 14 * self.text) + self.text + self.share


def _beside(width: int, height: int, legend: Sequence[Entry]) -> Image.Image:
    """Make a canvas for a picture of that size and draw the panel on its right."""
    style = _Style.of(width, height)
    panel = max(min(style.width(legend), round(0.6 * width)), 9 * style.text)
    canvas = Image.new("RGB", (width + panel + 2 * style.margin, height), _PAPER)
    rows = max(1, (height - 2 * style.margin) // style.row)
    _write(canvas, style, legend, (width + style.margin, style.margin), panel, rows, 1)
    return canvas


def _under(width: int, height: int, legend: Sequence[Entry]) -> Image.Image:
    """Make a canvas for a picture of that size and draw the panel below it."""
    style = _Style.of(width, height)
    room, gap = width - 2 * style.margin, 2 * style.text
    columns = max(1, (room + gap) // (style.width(legend) + gap))
    # No more rows than the picture is high, three at least: the panel explains the picture and is not the picture.
    most = max(3, height // style.row)
    rows = min(math.ceil(len(legend) / columns), most)
    columns = min(columns, math.ceil(len(legend) / rows))
    column = (room + gap) // columns - gap if columns > 1 else min(room, style.width(legend))
    canvas = Image.new("RGB", (width, height + rows * style.row + 2 * style.margin), _PAPER)
    _write(canvas, style, legend, (style.margin, height + style.margin), column, rows, columns)
    return canvas


def _write(
    canvas: Image.Image,
    style: _Style,
    legend: Sequence[Entry],
    corner: tuple[int, int],
    width: int,
    rows: int,
    columns: int,
) -> None:
    """Write the entries column by column; those that don't fit are summed up in the last slot."""
    draw = ImageDraw.Draw(canvas)
    slots = rows * columns
    shown = legend if len(legend) <= slots else legend[: slots - 1]
    for slot, entry in enumerate(shown):
        x, y = corner[0] + slot // rows * (width + 2 * style.text), corner[1] + slot % rows * style.row
        middle = y + style.row // 2
        half = style.chip // 2
        edge = max(1, style.text // 14)
        draw.rectangle((x, middle - half, x + 2 * half, middle + half), entry.color, _CHIP_EDGE, edge)
        left = x + style.chip + round(0.5 * style.text)
        name = _fitted(entry.name, width - (left - x) - style.share - style.text // 2, style)
        style.letters.write(draw, (left, middle), name, _INK, "lm")
        style.letters.write(draw, (x + width, middle), share_text(entry.share), _FAINT, "rm")
    if rest := legend[len(shown) :]:
        slot = slots - 1
        x, y = corner[0] + slot // rows * (width + 2 * style.text), corner[1] + slot % rows * style.row
        middle = y + style.row // 2
        style.letters.write(draw, (x, middle), f"{len(rest)} more", _FAINT, "lm")
        style.letters.write(draw, (x + width, middle), share_text(sum(entry.share for entry in rest)), _FAINT, "rm")


def share_text(share: float) -> str:
    """Format a share for a reader: "31 %", "2.4 %", "<0.1 %"."""
    percent = 100 * share
    if percent >= 9.95:
        return f"{percent:.0f} %"
    return f"{percent:.1f} %" if percent >= 0.05 else "<0.1 %"


def _fitted(name: str, room: float, style: _Style) -> str:
    """Return the name, cut with an ellipsis if it is too long."""
    if style.letters.length(name) <= room:
        return name
    # Combining signs go with their letters; whatever is left is written in the font of the whole.
    while name and style.letters.length(name + "…") > room:
        name = name[:-1]
    return name.rstrip() + "…"
