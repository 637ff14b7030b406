"""Heat maps of tables of shares: the darker a cell, the larger its share."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sceneparse.drawing.lettering import Lettering

CELL, TEXT, GAP = 18, 12, 6
"""Side of a cell, height of its text and space around it, in pixels."""
PAPER, INK, DARKEST = (255, 255, 255), (32, 32, 32), (8, 64, 129)

Titled = tuple[str, Sequence[str], Sequence[str], NDArray[np.float64]]
"""A title, the names of the rows and of the columns, and (rows, columns) shares, 0..1."""


def draw_tables(tables: Sequence[Titled]) -> Image.Image:
    """Draw tables as heat maps, one below the other.

    Args:
        tables: At least one.
    """
    drawn = [_draw(*table) for table in tables]
    canvas = Image.new("RGB", (max(one.width for one in drawn), sum(one.height for one in drawn)), PAPER)
    top = 0
    for one in drawn:
        canvas.paste(one, (0, top))
        top += one.height
    return canvas


def _draw(title: str, rows: Sequence[str], columns: Sequence[str], shares: NDArray[np.float64]) -> Image.Image:
    font = Lettering(TEXT)
    left = GAP + max((round(font.length(name)) for name in rows), default=0) + GAP
    above = max((round(font.length(name)) for name in columns), default=0) + GAP
    head = CELL + GAP
    width = max(left + CELL * len(columns) + GAP, 2 * GAP + round(font.length(title)))
    canvas = Image.new("RGB", (width, head + above + CELL * len(rows) + 2 * GAP), PAPER)
    draw = ImageDraw.Draw(canvas)
    font.write(draw, (GAP, head // 2), title, INK, "lm")
    for column, name in enumerate(columns):
        label = Image.new("RGB", (above, CELL), PAPER)
        font.write(ImageDraw.Draw(label), (0, CELL // 2), name, INK, "lm")
        canvas.paste(label.rotate(90, expand=True), (left + column * CELL, head))
    for row, name in enumerate(rows):
        top = head + above + row * CELL
        font.write(draw, (left - GAP, top + CELL // 2), name, INK, "rm")
        for column in range(len(columns)):
            share = float(shares[row, column])
            color = tuple(round(light + share * (dark - light)) for light, dark in zip(PAPER, DARKEST, strict=True))
            box = (left + column * CELL, top, left + (column + 1) * CELL - 2, top + CELL - 2)
            draw.rectangle(box, color, (225, 225, 225))
    return canvas
