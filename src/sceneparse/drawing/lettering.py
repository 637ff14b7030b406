"""Write names of any script into pictures, each in a font that has all of its characters."""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import ImageDraw, ImageFont, features

from sceneparse.drawing.font_files import font_files, missing_in
from sceneparse.labels import Color

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Lettering:
    """Text of one size. Pillow's own font where it has all characters, else one of the system's.

    Args:
        size: Height of the text in pixels.
    """

    size: int

    def length(self, text: str) -> float:
        """Return the width of a text in pixels."""
        return self.font(text).getlength(spelled(text))

    def write(
        self, draw: ImageDraw.ImageDraw, corner: tuple[float, float], text: str, color: Color | str, anchor: str = "la"
    ) -> None:
        """Write a text; characters that no font has are spelled by their number in Unicode.

        Args:
            draw: The picture.
            corner: Left and top, or what the anchor says.
            text: What to write.
            color: In what colour.
            anchor: As in Pillow: "lm" is left and middle.
        """
        draw.text(corner, spelled(text), color, self.font(text), anchor=anchor)

    def font(self, text: str) -> Font:
        """Return the font that a text is written in."""
        file = _file_for(frozenset(text))
        return _own(self.size) if file is None else _of_file(file, self.size)


def can_write(text: str) -> bool:
    """Return whether a font on this machine has all of a text's characters and can join them as their script asks."""
    return not _missing_in_own(frozenset(text)) or _file_for(frozenset(text)) is not None


def spelled(text: str) -> str:
    r"""Return a text as it is written: where no font has all of it, without its accents, else as numbers: "\u8def"."""
    if can_write(text):
        return text
    plain = without_accents(text)
    missing = _missing_in_own(frozenset(plain))
    return "".join(one.encode("ascii", "backslashreplace").decode() if one in missing else one for one in plain)


def without_accents(text: str) -> str:
    """Return a text whose Latin letters have lost their accents: "Bäume" becomes "Baume"."""
    letters = (unicodedata.normalize("NFKD", one) for one in text)
    return "".join(one[0] if one[0].isascii() and all(map(unicodedata.combining, one[1:])) else one for one in letters)


@lru_cache(4096)
def _own(size: int) -> Font:
    return ImageFont.load_default(size=size)


@lru_cache(4096)
def _of_file(file: Path, size: int) -> Font:
    return ImageFont.truetype(file, size)


@lru_cache(4096)
def _missing_in_own(characters: frozenset[str]) -> frozenset[str]:
    """The characters that Pillow's own font lacks."""
    font = _own(12)
    content = getattr(getattr(font, "path", None), "getvalue", bytes)()
    if not content:  # without FreeType it is a font of Latin-1
        return frozenset(one for one in characters if ord(one) > 255)
    return frozenset(missing_in(content, (one for one in characters if not one.isspace())))


@lru_cache(4096)
def _file_for(characters: frozenset[str]) -> Path | None:
    """The first font that has all characters; None if Pillow's own has them, or none has."""
    if not _missing_in_own(characters) or (any(map(_is_joined, characters)) and not features.check("raqm")):
        return None
    wanted = {one for one in characters if not one.isspace()}
    for file in font_files():
        try:
            if not missing_in(file.read_bytes(), wanted):
                _of_file(file, 12)
                return file
        except OSError:  # not readable, or a form that FreeType doesn't take
            continue
    return None


def _is_joined(character: str) -> bool:
    """Whether a character is written from the right, or in a form that depends on its neighbours."""
    brahmic = 0x0900 <= ord(character) <= 0x109F or 0x1780 <= ord(character) <= 0x17FF
    return brahmic or unicodedata.bidirectional(character) in ("R", "AL", "AN")
