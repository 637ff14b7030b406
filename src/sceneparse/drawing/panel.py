"""The panel beside or under an overlay, which names the classes and their shares."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image, ImageDraw

from sceneparse.drawing.lettering import Lettering, can_write, without_accents
from sceneparse.labels import Color, LabelSpace

PAPER: Color = (250, 250, 250)
INK: Color = (32, 32, 32)
_FAINT: Color = (112, 112, 112)
_CHIP_EDGE: Color = (150, 150, 150)


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


def written_name(name: str, space: LabelSpace) -> str:
    """Return a class's name, or "id 7" where no font of this machine has its characters; its JSON has both."""
    if can_write(name):
        return name
    plain = without_accents(name)
    if can_write(plain) or name not in space.names:
        return plain
    return f"id {space.ids[space.names.index(name)]}"


@dataclass(frozen=True)
class Named:
    """A class as the panel writes it."""

    name: str
    color: Color
    share: float


@dataclass(frozen=True)
class Style:
    """Measures of the panel in pixels, all in proportion to the text."""

    text: int

    @classmethod
    def of(cls, width: int, height: int) -> "Style":
        """Return the measures that fit a picture of that size."""
        # Text grows more slowly than the picture: a large picture is looked at closer, or scaled down to a screen.
        text = max(11, round(0.026 * math.sqrt(width * height)))
        return cls(text)

    @property
    def letters(self) -> Lettering:
        """The letters of the names."""
        return Lettering(self.text)

    @property
    def row(self) -> int:
        """The height of a line."""
        return round(1.55 * self.text)

    @property
    def margin(self) -> int:
        """The paper around the lines."""
        return round(0.8 * self.text)

    @property
    def chip(self) -> int:
        """The side of a square in a class's colour."""
        return round(1.05 * self.text)

    @property
    def share(self) -> int:
        """Width of the column of shares."""
        return round(self.letters.length("100 %"))

    def width(self, legend: Sequence[Entry]) -> int:
        """Return the width of a column that holds every name but the very long ones, which are cut, and the shares."""
        return self.name_width([entry.name for entry in legend]) + self.text + self.share

    def name_width(self, names: Sequence[str]) -> int:
        """Return the width of a column that holds the names and their squares alone."""
        name = max(self.letters.length(one) for one in names)
        return self.chip + round(0.5 * self.text) + min(math.ceil(name), 14 * self.text)


def beside(width: int, height: int, legend: Sequence[Entry]) -> Image.Image:
    """Make a canvas for a picture of that size and draw the panel on its right."""
    style = Style.of(width, height)
    panel = max(min(style.width(legend), round(0.6 * width)), 9 * style.text)
    canvas = Image.new("RGB", (width + panel + 2 * style.margin, height), PAPER)
    rows = max(1, (height - 2 * style.margin) // style.row)
    _write(canvas, style, legend, (width + style.margin, style.margin), panel, rows, 1)
    return canvas


def under(width: int, height: int, legend: Sequence[Entry]) -> Image.Image:
    """Make a canvas for a picture of that size and draw the panel below it."""
    style = Style.of(width, height)
    room, gap = width - 2 * style.margin, 2 * style.text
    columns = max(1, (room + gap) // (style.width(legend) + gap))
    # No more rows than the picture is high, three at least: the panel explains the picture and is not the picture.
    most = max(3, height // style.row)
    rows = min(math.ceil(len(legend) / columns), most)
    columns = min(columns, math.ceil(len(legend) / rows))
    column = (room + gap) // columns - gap if columns > 1 else min(room, style.width(legend))
    canvas = Image.new("RGB", (width, height + rows * style.row + 2 * style.margin), PAPER)
    _write(canvas, style, legend, (style.margin, height + style.margin), column, rows, columns)
    return canvas


def _write(
    canvas: Image.Image,
    style: Style,
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
        write_name(draw, style, entry.name, entry.color, (x, middle), width - style.share - style.text // 2)
        style.letters.write(draw, (x + width, middle), share_text(entry.share), _FAINT, "rm")
    if rest := legend[len(shown) :]:
        slot = slots - 1
        x, y = corner[0] + slot // rows * (width + 2 * style.text), corner[1] + slot % rows * style.row
        middle = y + style.row // 2
        write_more(draw, style, len(rest), (x, middle))
        style.letters.write(draw, (x + width, middle), share_text(sum(entry.share for entry in rest)), _FAINT, "rm")


def write_name(
    draw: ImageDraw.ImageDraw, style: Style, name: str, color: Color, where: tuple[int, int], width: int
) -> None:
    """Write a class's square and its name, cut where it is wider than there is room.

    Args:
        draw: The canvas.
        style: The measures.
        name: As `written_name` gives it.
        color: The class's.
        where: The left end and the middle of the line.
        width: The room for both.
    """
    x, middle = where
    half, edge = style.chip // 2, max(1, style.text // 14)
    draw.rectangle((x, middle - half, x + 2 * half, middle + half), color, _CHIP_EDGE, edge)
    left = style.chip + round(0.5 * style.text)
    style.letters.write(draw, (x + left, middle), _fitted(name, width - left, style), INK, "lm")


def write_more(draw: ImageDraw.ImageDraw, style: Style, count: int, where: tuple[int, int]) -> None:
    """Write that there are so many more classes than names."""
    style.letters.write(draw, where, f"{count} more", _FAINT, "lm")


def share_text(share: float) -> str:
    """Format a share for a reader: "31 %", "2.4 %", "<0.1 %"."""
    percent = 100 * share
    if percent >= 9.95:
        return f"{percent:.0f} %"
    return f"{percent:.1f} %" if percent >= 0.05 else "<0.1 %"


def _fitted(name: str, room: float, style: Style) -> str:
    """Return the name, cut with an ellipsis if it is too long."""
    if style.letters.length(name) <= room:
        return name
    # Combining signs go with their letters; whatever is left is written in the font of the whole.
    while name and style.letters.length(name + "…") > room:
        name = name[:-1]
    return name.rstrip() + "…"
