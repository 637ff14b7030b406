"""Tell rasters from other TIFF files by their header alone, without rasterio."""

import struct
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from sceneparse.pictures.tiff_tags import INKS

SUFFIXES = (".tif", ".tiff")

_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _ORIENTATION, _SAMPLES, _FORM = 256, 257, 258, 262, 274, 277, 339
_RGB = 2
"""The photometric interpretation of scans and cameras."""
_GEOREFERENCE = {33550, 33922, 34264, 34735, 50844}
"""Pixel scale, tie points, transformation, geokeys (GeoTIFF 1.1), rational polynomial coefficients."""
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value of each type of TIFF 6.0 and BigTIFF."""
_MOST_TAGS = 4096


def is_raster(path: Path) -> bool:
    """Return whether a file is read as a raster, not as a picture.

    That is a TIFF with a georeference (in its tags or in a world file beside it), one of two, or of five and more
    channels, of more than one channel of more than 8 bits that is not said to be RGB, of floating-point values, or of
    so many pixels that no picture may have them. Without a georeference a TIFF that is to be turned (by its
    orientation), or whose channels are inks, is a photograph. Its first directory is read, nothing else; a file that is
    no TIFF or damaged is none.
    """
    if path.suffix.lower() not in SUFFIXES:
        return False
    try:
        with path.open("rb") as file:
            return _speaks_for_raster(_tags(file), _has_world_file(path))
    except (OSError, struct.error, ValueError, KeyError):
        return False


def is_raster_content(content: bytes) -> bool:
    """Return whether a file's content is that of a raster, as `is_raster` says it of a file."""
    try:
        return _speaks_for_raster(_tags(BytesIO(content)), False)
    except (struct.error, ValueError, KeyError):
        return False


def orientation_of(path: Path) -> int:
    """Return a TIFF's orientation, 1..8; 1 where it says none, or of what is no TIFF."""
    try:
        with path.open("rb") as file:
            found = _first(_tags(file), _ORIENTATION, 1)
    except (OSError, struct.error, ValueError, KeyError):
        return 1
    return found if 1 <= found <= 8 else 1


def plain(path: Path) -> bool:
    """Return whether a TIFF holds grey, a palette or red, green and blue of 8 bits, as every program reads them."""
    try:
        with path.open("rb") as file:
            tags = _tags(file)
    except (OSError, struct.error, ValueError, KeyError):
        return False
    return (
        _first(tags, _SAMPLES, 1) in (1, 3)
        and _first(tags, _BITS, 1) <= 8
        and _first(tags, _FORM, 1) == 1
        and _first(tags, _PHOTOMETRIC, 1) not in INKS
    )


def _speaks_for_raster(tags: Mapping[int, int], world_file: bool) -> bool:
    """Whether the tags of a TIFF's first directory are those of a raster."""
    if _GEOREFERENCE & set(tags) or world_file:
        return True
    if _first(tags, _PHOTOMETRIC, 1) in INKS or 1 < _first(tags, _ORIENTATION, 1) <= 8:
        return False
    width, height, samples = (_first(tags, tag, usual) for tag, usual in ((_WIDTH, 0), (_HEIGHT, 0), (_SAMPLES, 1)))
    bits, form = _first(tags, _BITS, 1), _first(tags, _FORM, 1)
    return (
        samples == 2
        or samples > 4
        or (samples > 1 and bits > 8 and _first(tags, _PHOTOMETRIC, 1) != _RGB)
        or form == 3
        or width * height > 2 * (Image.MAX_IMAGE_PIXELS or 2**62)
    )


def _has_world_file(path: Path) -> bool:
    """Return whether a world file lies beside it: NAME.tfw, or NAME.tifw."""
    suffixes = (".tfw", ".TFW", ".wld", f"{path.suffix}w")
    return any(path.with_suffix(suffix).is_file() for suffix in suffixes)


def _first(tags: Mapping[int, int], tag: int, usual: int) -> int:
    return tags.get(tag, usual)


def _tags(file: BinaryIO) -> dict[int, int]:
    """Return the tags of the first directory, each with its first value, or 0 where that is no whole number.

    Raises:
        ValueError: The file is no TIFF.
        struct.error: It is cut off.
    """
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None:
        raise ValueError("no TIFF")
    (version,) = struct.unpack_from(f"{order}H", head, 2)
    if version not in (42, 43):
        raise ValueError("no TIFF")
    # BigTIFF counts and points with eight bytes where TIFF does with two and four.
    counting, pointer = ("H", "I") if version == 42 else ("Q", "Q")
    (offset,) = struct.unpack_from(order + pointer, head, 4 if version == 42 else 8)
    file.seek(offset)
    (count,) = struct.unpack(order + counting, file.read(struct.calcsize(counting)))
    if count > _MOST_TAGS:
        raise ValueError("no TIFF")
    inline = struct.calcsize(pointer)
    entry = struct.Struct(f"{order}HH{pointer}")
    content = file.read(count * (entry.size + inline))
    found = {}
    for number in range(count):
        start = number * (entry.size + inline)
        tag, kind, values = entry.unpack_from(content, start)
        field = content[start + entry.size : start + entry.size + inline]
        found[tag] = _value(file, field, order, kind, values * _SIZES.get(kind, 1) <= inline)
    return found


def _value(file: BinaryIO, field: bytes, order: str, kind: int, here: bool) -> int:
    code = {1: "B", 3: "H", 4: "I", 16: "Q"}.get(kind)
    if code is None:
        return 0
    if not here:
        (offset,) = struct.unpack(order + {4: "I", 8: "Q"}[len(field)], field)
        file.seek(offset)
        field = file.read(struct.calcsize(code))
    value: int = struct.unpack_from(order + code, field)[0]
    return value
