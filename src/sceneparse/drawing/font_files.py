"""Find the fonts of this machine, and read which characters a font file has."""

import os
import struct
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from sceneparse.paths import expanded

VARIABLE = "SCENEPARSE_FONTS"
"""Environment variable: a font file, or a folder of them, that is looked into before the system's."""

_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
_UNUSUAL = (
    *("bold", "italic", "oblique", "black", "heavy", "thin", "light"),
    *("mono", "serif", "condensed", "medium", "math"),
)
"""Words in names of font files that are not the plain text face."""


@cache
def font_files() -> tuple[Path, ...]:
    """Return the files of fonts on this machine, the plain faces first; those that `SCENEPARSE_FONTS` names lead."""
    found = [file for folder in _folders() for file in sorted(_below(folder), key=_rank)]
    return tuple(dict.fromkeys(found))


def _rank(file: Path) -> tuple[int, str]:
    name = file.name.lower()
    return sum(word in name for word in _UNUSUAL), name


def _folders() -> Iterator[Path]:
    """The usual folders of fonts of each system, as fontconfig, Core Text and DirectWrite have them."""
    if own := os.environ.get(VARIABLE):
        yield expanded(own)
    home = Path.home()
    if sys.platform == "darwin":
        yield from (home / "Library/Fonts", Path("/Library/Fonts"), Path("/System/Library/Fonts"))
    elif sys.platform == "win32":
        yield Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts"
        yield Path(os.environ.get("LOCALAPPDATA", str(home))) / "Microsoft" / "Windows" / "Fonts"
    else:
        data = os.environ.get("XDG_DATA_HOME", str(home / ".local/share"))
        shared = os.environ.get("XDG_DATA_DIRS", "/usr/local/share:/usr/share")
        yield from (Path(folder) / "fonts" for folder in (data, *shared.split(":")) if folder)
        yield home / ".fonts"


def _below(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
    for parent, _, names in os.walk(folder):
        for name in names:
            # Colour fonts are pictures of one size.
            if name.lower().endswith(_SUFFIXES) and "emoji" not in name.lower():
                yield Path(parent) / name


def missing_in(content: bytes, characters: Iterable[str]) -> set[str]:
    """Return which characters a font does not have; all of them if it cannot be read.

    Args:
        content: The font file's; of a collection the first font counts. (OpenType 1.9, table "cmap".)
        characters: What is to be written.
    """
    wanted = set(characters)
    try:
        tables = _character_tables(content)
        return {one for one in wanted if not any(_glyph(content, table, ord(one)) for table in tables)}
    except (struct.error, IndexError):
        return wanted


def _character_tables(content: bytes) -> list[int]:
    """Where a font's tables from Unicode characters to glyphs begin."""
    start = _numbers(content, ">I", 12)[0] if content[:4] == b"ttcf" else 0
    for index in range(_numbers(content, ">H", start + 4)[0]):
        record = start + 12 + 16 * index
        if content[record : record + 4] == b"cmap":
            offset = _numbers(content, ">I", record + 8)[0]
            count = _numbers(content, ">H", offset + 2)[0]
            entries = [_numbers(content, ">HHI", offset + 4 + 8 * entry) for entry in range(count)]
            # Of platform 3 encoding 0 holds symbols, whose characters are none of Unicode's.
            return [offset + below for platform, encoding, below in entries if platform == 0 or encoding in (1, 10)]
    return []


def _glyph(content: bytes, table: int, character: int) -> int:
    """The number of a character's glyph; 0 if the table has none."""
    form = _numbers(content, ">H", table)[0]
    if form == 12:
        groups = _numbers(content, ">I", table + 12)[0]
        for first, last, glyph in struct.iter_unpack(">III", content[table + 16 : table + 16 + 12 * groups]):
            if first <= character <= last:
                return int(glyph + character - first)
    if form == 4 and character <= 0xFFFF:
        segments = _numbers(content, ">H", table + 6)[0] // 2
        ends = _numbers(content, f">{segments}H", table + 14)
        starts, deltas, offsets = (
            _numbers(content, f">{segments}H", table + 16 + 2 * segments * part) for part in (1, 2, 3)
        )
        for index, (first, last) in enumerate(zip(starts, ends, strict=True)):
            if first <= character <= last:
                if not offsets[index]:
                    return int(character + deltas[index]) & 0xFFFF
                at = table + 16 + 6 * segments + 2 * index + offsets[index] + 2 * (character - first)
                glyph = _numbers(content, ">H", at)[0]
                return int(glyph + deltas[index]) & 0xFFFF if glyph else 0
    return 0


def _numbers(content: bytes, form: str, at: int) -> tuple[int, ...]:
    return struct.unpack_from(form, content, at)
