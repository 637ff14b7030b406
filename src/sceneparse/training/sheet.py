"""A sheet of pictures in rows and columns with a title above each column."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from sceneparse.files import whole_file

GAP, SIZE = 8, 18
"""White between pictures, and the size of the titles, in pixels."""


def write_sheet(path: Path, titles: Sequence[str], rows: Sequence[Sequence[Image.Image]], side: int = 224) -> None:
    """Write the sheet; titles that are too wide for their column take several lines.

    Args:
        path: The PNG file.
        titles: Title of each column.
        rows: A picture a column in each row; all are brought to the same square.
        side: Side of that square in pixels.
    """
    font = ImageFont.load_default(size=SIZE)
    lines = [_wrapped(title, side, font) for title in titles]
    head = 2 * GAP + max(map(len, lines)) * (SIZE + 2)
    sheet = Image.new("RGB", (len(titles) * (side + GAP) + GAP, len(rows) * (side + GAP) + head), "white")
    draw = ImageDraw.Draw(sheet)
    for column, texts in enumerate(lines):
        for line, text in enumerate(texts):
            draw.text((GAP + column * (side + GAP), GAP + line * (SIZE + 2)), text, fill="black", font=font)
    for row, tiles in enumerate(rows):
        for column, tile in enumerate(tiles):
            corner = (GAP + column * (side + GAP), head + row * (side + GAP))
            sheet.paste(tile.resize((side, side), Image.Resampling.NEAREST), corner)
    with whole_file(path) as temporary:
        sheet.save(temporary)


def _wrapped(text: str, width: int, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines or [""]
