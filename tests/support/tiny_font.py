"""A TrueType font of one glyph, a filled square, for the characters that a test wants."""

import struct
from collections.abc import Sequence
from pathlib import Path


def write_font(path: Path, characters: str, *, form: int = 12, collection: bool = False) -> Path:
    """Write a font that has some characters.

    Args:
        path: The file.
        characters: What it has.
        form: Of its table of characters: 4 (to U+FFFF) or 12.
        collection: Whether it is the first of a collection (TTC).
    """
    square = struct.pack(">hhhhhHH4B", 1, 100, 0, 900, 800, 3, 0, 1, 1, 1, 1)
    square += struct.pack(">4h4h", 100, 800, 0, -800, 0, 0, 800, 0)
    square += b"\0" * (-len(square) % 4)
    tables = {
        "cmap": _cmap(sorted(set(map(ord, characters))), form),
        "glyf": square,
        "head": struct.pack(
            ">IIIIHHQQhhhhHHhhh", 0x10000, 0x10000, 0, 0x5F0F3CF5, 3, 1000, 0, 0, 0, 0, 1000, 1000, 0, 8, 2, 0, 0
        ),
        "hhea": struct.pack(">IhhhHhhhhhhhhhhhH", 0x10000, 900, -200, 0, 1000, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2),
        "hmtx": struct.pack(">HhHh", 1000, 0, 1000, 100),
        "loca": struct.pack(">HHH", 0, 0, len(square) // 2),
        "maxp": struct.pack(">IHHHHHHHHHHHHHH", 0x10000, 2, 4, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0),
    }
    start = 16 if collection else 0
    at, directory, body = start + 12 + 16 * len(tables), b"", b""
    for tag, data in tables.items():
        directory += struct.pack(">4sIII", tag.encode(), 0, at + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    font = struct.pack(">IHHHH", 0x10000, len(tables), 64, 2, 48) + directory + body
    path.write_bytes((struct.pack(">4sIII", b"ttcf", 0x10000, 1, start) if collection else b"") + font)
    return path


def _cmap(codes: Sequence[int], form: int) -> bytes:
    if form == 12:
        groups = b"".join(struct.pack(">III", code, code, 1) for code in codes)
        table = struct.pack(">HHIII", 12, 0, 16 + len(groups), 0, len(codes)) + groups
        return struct.pack(">HHHHI", 0, 1, 3, 10, 12) + table
    segments = [*codes, 0xFFFF]
    ends, deltas = (struct.pack(f">{len(segments)}H", *values) for values in (segments, _deltas(codes)))
    table = ends + b"\0\0" + ends + deltas + b"\0" * (2 * len(segments))
    head = struct.pack(">HHHHHHH", 4, 14 + len(table), 0, 2 * len(segments), 0, 0, 0)
    return struct.pack(">HHHHI", 0, 1, 3, 1, 12) + head + table


def _deltas(codes: Sequence[int]) -> list[int]:
    return [*((1 - code) & 0xFFFF for code in codes), 1]
