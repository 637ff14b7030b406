"""Draw pictures in a grid of rows and columns, with a title above each column."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from sceneparse.drawing.lettering import Lettering
from sceneparse.files import whole_file

GAP, SIZE, LINE = 8, 18, 26
"""White between pictures, the size of the text, and the height of a line of the legend, in pixels."""


def write_picture_grid(
    path: Path,
    titles: Sequence[str],
    rows: Sequence[Sequence[Image.Image]],
    *,
    side: int = 224,
    legend: Mapping[str, Sequence[int]] | None = None,
) -> None:
    """Write a grid of pictures as a PNG; titles that are too wide for their column take several lines.

    Args:
        path: The PNG file.
        titles: Title of each column.
        rows: A picture a column in each row; all are brought to the same square.
        side: Side of that square in pixels.
        legend: Names and the colours that they have in the pictures, to stand below; None for none.
    """
    font = Lettering(SIZE)
    lines = [_wrapped(title, side, font) for title in titles]
    head = 2 * GAP + max(map(len, lines)) * (SIZE + 2)
    width = len(titles) * (side + GAP) + GAP
    keys = _legend_positions(legend or {}, width, font)
    foot = (1 + keys[-1][2]) * LINE + GAP if keys else 0
    canvas = Image.new("RGB", (width, len(rows) * (side + GAP) + head + foot), "white")
    draw = ImageDraw.Draw(canvas)
    for column, texts in enumerate(lines):
        for line, text in enumerate(texts):
            font.write(draw, (GAP + column * (side + GAP), GAP + line * (SIZE + 2)), text, "black")
    for row, tiles in enumerate(rows):
        for column, tile in enumerate(tiles):
            corner = (GAP + column * (side + GAP), head + row * (side + GAP))
            canvas.paste(tile.resize((side, side), Image.Resampling.NEAREST), corner)
    for name, left, line in keys:
        top = canvas.height - foot + line * LINE
        assert legend is not None
        draw.rectangle((left, top + 2, left + SIZE - 4, top + SIZE - 2), fill=tuple(legend[name]), outline="black")
        font.write(draw, (left + SIZE + 2, top), name, "black")
    with whole_file(path) as temporary:
        canvas.save(temporary)


def _legend_positions(legend: Mapping[str, Sequence[int]], width: int, font: Lettering) -> list[tuple[str, int, int]]:
    """Return each name of the legend with its left edge in pixels and its line."""
    positions, left, line = [], GAP, 0
    for name in legend:
        needed = SIZE + 2 + int(font.length(name)) + 2 * GAP
        if left > GAP and left + needed > width:
            left, line = GAP, line + 1
        positions.append((name, left, line))
        left += needed
    return positions


def _wrapped(text: str, width: int, font: Lettering) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.length(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines or [""]
