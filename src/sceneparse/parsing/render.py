"""Drawing a parse: the picture under its classes' colours, regions outlined, a panel that names them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sceneparse.inference.paint import blend, paint
from sceneparse.labels import Color, LabelSpace

_SMALLEST = 320
"""Pictures whose long side is shorter are enlarged when a legend is drawn: names need about this much room."""
_PAPER: Color = (250, 250, 250)
_INK: Color = (32, 32, 32)
_FAINT: Color = (112, 112, 112)
_CHIP_EDGE: Color = (150, 150, 150)
_BORDER_OPACITY = 0.45


class Entry(Protocol):
    """What the panel shows of a class."""

    @property
    def name(self) -> str: ...
    @property
    def color(self) -> Color: ...
    @property
    def share(self) -> float: ...


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
    colors = paint(labels, space)
    nothing = labels < 0
    if nothing.any():
        colors[nothing] = image[nothing]
    drawn = blend(image, colors, opacity)
    if not legend:
        _outline(drawn, labels)
        return Image.fromarray(drawn)
    factor = math.ceil(_SMALLEST / max(labels.shape))
    if factor > 1:
        drawn, labels = (np.repeat(np.repeat(pixels, factor, 0), factor, 1) for pixels in (drawn, labels))
    _outline(drawn, labels)
    picture = Image.fromarray(drawn)
    return _beside(picture, legend) if picture.height > picture.width else _under(picture, legend)


def _outline(drawn: NDArray[np.uint8], labels: NDArray[np.int16]) -> None:
    """Lighten, in place, the borders between classes, with a line that is thicker in larger pictures."""
    edge = np.zeros(labels.shape, dtype=bool)
    edge[1:] |= labels[1:] != labels[:-1]
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    for step in range(round(min(labels.shape) / 500) - 1):
        thin = edge.copy()
        # Grown to one side and the other in turn, so that the line stays where the border is.
        if step % 2:
            edge[1:] |= thin[:-1]
            edge[:, 1:] |= thin[:, :-1]
        else:
            edge[:-1] |= thin[1:]
            edge[:, :-1] |= thin[:, 1:]
    drawn[edge] = blend(drawn[edge], np.array([255, 255, 255], np.uint8), _BORDER_OPACITY)


@dataclass(frozen=True)
class _Style:
    """Measures of the panel in pixels, all in proportion to the text."""

    font: ImageFont.FreeTypeFont | ImageFont.ImageFont
    text: int

    @classmethod
    def of(cls, picture: Image.Image) -> "_Style":
        # Text grows more slowly than the picture: a large picture is looked at closer, or scaled down to a screen.
        text = max(11, round(0.026 * math.sqrt(picture.width * picture.height)))
        return cls(ImageFont.load_default(size=text), text)

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
        return round(self.font.getlength("100 %"))

    def width(self, legend: Sequence[Entry]) -> int:
        """Width of a column that holds every name but the very long ones, which are cut."""
        name = max(self.font.getlength(entry.name) for entry in legend)
        return self.chip + round(0.5 * self.text) + min(math.ceil(name), 14 * self.text) + self.text + self.share


def _beside(picture: Image.Image, legend: Sequence[Entry]) -> Image.Image:
    style = _Style.of(picture)
    width = max(min(style.width(legend), round(0.6 * picture.width)), 9 * style.text)
    sheet = Image.new("RGB", (picture.width + width + 2 * style.margin, picture.height), _PAPER)
    sheet.paste(picture)
    rows = max(1, (picture.height - 2 * style.margin) // style.row)
    _write(sheet, style, legend, (picture.width + style.margin, style.margin), width, rows, 1)
    return sheet


def _under(picture: Image.Image, legend: Sequence[Entry]) -> Image.Image:
    style = _Style.of(picture)
    room, gap = picture.width - 2 * style.margin, 2 * style.text
    columns = max(1, (room + gap) // (style.width(legend) + gap))
    # No more rows than the picture is high, three at least: the panel explains the picture and is not the picture.
    most = max(3, picture.height // style.row)
    rows = min(math.ceil(len(legend) / columns), most)
    columns = min(columns, math.ceil(len(legend) / rows))
    width = (room + gap) // columns - gap if columns > 1 else min(room, style.width(legend))
    sheet = Image.new("RGB", (picture.width, picture.height + rows * style.row + 2 * style.margin), _PAPER)
    sheet.paste(picture)
    _write(sheet, style, legend, (style.margin, picture.height + style.margin), width, rows, columns)
    return sheet


def _write(
    sheet: Image.Image,
    style: _Style,
    legend: Sequence[Entry],
    corner: tuple[int, int],
    width: int,
    rows: int,
    columns: int,
) -> None:
    """Write the entries column by column; what doesn't fit is summed up in the last place."""
    draw = ImageDraw.Draw(sheet)
    places = rows * columns
    shown = legend if len(legend) <= places else legend[: places - 1]
    for place, entry in enumerate(shown):
        x, y = corner[0] + place // rows * (width + 2 * style.text), corner[1] + place % rows * style.row
        middle = y + style.row // 2
        half = style.chip // 2
        edge = max(1, style.text // 14)
        draw.rectangle((x, middle - half, x + 2 * half, middle + half), entry.color, _CHIP_EDGE, edge)
        left = x + style.chip + round(0.5 * style.text)
        name = _fitted(entry.name, width - (left - x) - style.share - style.text // 2, style)
        draw.text((left, middle), name, _INK, style.font, anchor="lm")
        draw.text((x + width, middle), share_text(entry.share), _FAINT, style.font, anchor="rm")
    if rest := legend[len(shown) :]:
        place = places - 1
        x, y = corner[0] + place // rows * (width + 2 * style.text), corner[1] + place % rows * style.row
        middle = y + style.row // 2
        draw.text((x, middle), f"{len(rest)} more", _FAINT, style.font, anchor="lm")
        draw.text((x + width, middle), share_text(sum(entry.share for entry in rest)), _FAINT, style.font, anchor="rm")


def share_text(share: float) -> str:
    """A share as a reader wants it: "31 %", "2.4 %", "<0.1 %"."""
    percent = 100 * share
    if percent >= 9.95:
        return f"{percent:.0f} %"
    return f"{percent:.1f} %" if percent >= 0.05 else "<0.1 %"


def _fitted(name: str, room: float, style: _Style) -> str:
    """The name, cut with an ellipsis if it is too long."""
    if style.font.getlength(name) <= room:
        return name
    while name and style.font.getlength(name + "…") > room:
        name = name[:-1]
    return name.rstrip() + "…"
