"""The text files in which annotation tools name the classes of their masks, with or without colours."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from sceneparse.datasets.unlabelled import BACKGROUND, Listed
from sceneparse.errors import UserError, reason_of
from sceneparse.labels.space import Color

CLASS_DICT = "class_dict.csv"
"""What the list of classes of data sets on Kaggle is called."""

BLACK: Color = (0, 0, 0)


def read_labelmap(path: Path) -> list[Listed]:
    """Return the classes of a labelmap.txt: `name:R,G,B:parts:actions`, a line a class.

    Where no line has a colour (`road:::`) the masks have VOC's palette by position, the background first.

    Raises:
        UserError: It cannot be read, or a line says something else.
    """
    found: list[tuple[int, str, Color | None]] = []
    for number, line in _lines(path):
        # A name may hold colons; what follows it does not.
        name, *fields = line.rsplit(":", 3) if line.count(":") >= 3 else line.split(":", 1)
        text = fields[0].strip() if fields else ""
        found.append((number, name.strip(), _color(text.split(","), path, number) if text else None))
    return _with_colors(found, path)


def read_label_colors(path: Path, *, background: bool = True) -> list[Listed]:
    """Return the classes of a label_colors.txt: `R G B name`, or ` name` without colours, a line a class.

    Args:
        path: The file.
        background: Whether a list without colours has the background at its front, listed or not.

    Raises:
        UserError: It cannot be read, or a line says something else.
    """
    found: list[tuple[int, str, Color | None]] = []
    for number, line in _lines(path):
        fields = line.split(maxsplit=3)
        if len(fields) == 4 and all(field.isdigit() for field in fields[:3]):
            found.append((number, fields[3].strip(), _color(fields[:3], path, number)))
        else:
            found.append((number, line, None))
    return _with_colors(found, path, background=background)


def read_class_dict(path: Path) -> list[Listed]:
    """Return the classes of a class_dict.csv: `name,r,g,b`, a line a class behind a head of these four.

    Raises:
        UserError: It cannot be read, or a line says something else.
    """
    found: list[tuple[int, str, Color | None]] = []
    for number, line in _lines(path):
        name, *fields = (cell.strip().strip('"') for cell in line.rsplit(",", 3))
        if [name.lower(), *(field.lower() for field in fields)] != ["name", "r", "g", "b"]:
            found.append((number, name, _color(fields, path, number)))
    if not found:
        raise UserError(f"{path}: names no classes")
    return _with_colors(found, path)


def voc_palette(count: int) -> list[Color]:
    """Return the first colours of PASCAL VOC's palette: the bits of a position, spread over red, green and blue."""
    colors = []
    for position in range(count):
        red = green = blue = 0
        for bit in range(8):
            red |= (position >> (3 * bit) & 1) << (7 - bit)
            green |= (position >> (3 * bit + 1) & 1) << (7 - bit)
            blue |= (position >> (3 * bit + 2) & 1) << (7 - bit)
        colors.append((red, green, blue))
    return colors


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that say something, with their numbers."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; it names the classes of the masks") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({reason_of(error)})") from None
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    said = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not said:
        raise UserError(f"{path}: names no classes; export the data set again with its labels")
    yield from said


def _color(fields: Sequence[str], path: Path, number: int) -> Color:
    values = [int(field) for field in fields if field.strip().isdigit()]
    if len(values) != 3 or len(fields) != 3 or max(values) > 255:
        raise UserError(f"{path}:{number}: '{' '.join(fields)}' is no colour, which is three numbers of 0 to 255")
    return values[0], values[1], values[2]


def _with_colors(
    found: Sequence[tuple[int, str, Color | None]], path: Path, *, background: bool = True
) -> list[Listed]:
    """The classes with their positions as values; where none has a colour, VOC's by position."""
    bare = [(number, name) for number, name, color in found if color is None]
    if not bare:
        return [Listed(name, value, color) for value, (_, name, color) in enumerate(found)]
    if len(bare) < len(found):
        number, name = bare[0]
        raise UserError(f"{path}:{number}: '{name}' has no colour, but other classes have: give each one")
    names = [name for _, name in bare]
    if background:
        names = [BACKGROUND, *(name for name in names if name != BACKGROUND)]
    return [
        Listed(name, value, color)
        for value, (name, color) in enumerate(zip(names, voc_palette(len(names)), strict=True))
    ]
