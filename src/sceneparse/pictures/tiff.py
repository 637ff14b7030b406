"""Read TIFFs number by number: any bands and bits, stored pixel by pixel or band by band, in strips or tiles.

Pillow reads 8-bit grey, palette and colour, and wrongly, partly or not at all what lies beyond: bands that are stored
one after the other, more than four bands, colour of 16 bits, 16-bit grey whose 0 is white. Its tags and its libtiff
are used here, so that no further library is needed.
"""

import lzma
import struct
import zlib
from io import BytesIO
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneparse.pictures.tiff_tags import CMYK, LAB, PALETTE, RGB, YCBCR, Directory

_PLAIN, _LZW, _DEFLATE, _PACKBITS, _LZMA, _ZSTD = 1, 5, (8, 32946), 32773, 34925, 50000
_BYTEWISE = frozenset((_PLAIN, _LZW, *_DEFLATE, _PACKBITS, _LZMA, _ZSTD))
"""Compressions of bytes, whatever numbers these make up."""


def readable(directory: Directory) -> bool:
    """Return whether `stored_numbers` reads a directory's picture."""
    bits, kind = directory.bits, directory.sample_format
    whole = (kind == "u" and 1 <= bits <= 16) or (kind != "" and bits in (8, 16, 32, 64))
    return directory.compression in _BYTEWISE and whole and (kind, bits) != ("f", 8)


def pillow_reads(directory: Directory, *, exactly: bool = False) -> bool:
    """Return whether Pillow gives a directory's picture as it is meant: 8 bits, or 1, in a form that it knows.

    Args:
        directory: The directory.
        exactly: Also ask whether all bands arrive, and their numbers unchanged.
    """
    bands, kind = directory.bands, directory.photometric
    if directory.order or (exactly and directory.meanings.get(3, "alpha") != "alpha"):
        return False  # it knows nothing of what GDAL says of bands
    if directory.big and not directory.little:
        return False
    if directory.sample_format != "u" or directory.bits not in (1, 8) or (directory.bits == 1 and bands > 1):
        return False
    if kind == RGB:
        # What is not said to be transparency is dropped, and colours that are multiplied by it are divided.
        return bands == 3 or (bands == 4 and not (exactly and directory.extra in ((0,), (1,))))
    if directory.planar:
        return kind == YCBCR
    return kind in (YCBCR, LAB) or bands == (4 if kind == CMYK else 1)


def stored_numbers(file: IO[bytes], directory: Directory) -> NDArray[Any]:
    """Return the numbers of a directory's picture as (H, W, bands), as stored: neither inverted, scaled nor turned.

    Args:
        file: The TIFF.
        directory: One that is `readable`.

    Raises:
        ValueError: Strips or tiles are missing or too short.
        DecompressionBombError: More pixels than Pillow decodes.
    """
    height, width = directory.size
    limit = 2 * (Image.MAX_IMAGE_PIXELS or 1 << 62)
    if height * width > limit:
        raise Image.DecompressionBombError
    if not height or not width:
        raise ValueError("it has no pixels")
    planes = directory.bands if directory.planar else 1
    bands = directory.bands // planes
    tiled = 324 in directory.tags
    rows = directory.several(323)[0] if tiled else min(next(iter(directory.several(278)), height), height)
    columns = directory.several(322)[0] if tiled else width
    if rows * columns > limit:
        raise Image.DecompressionBombError
    across, down = -(-width // columns), -(-height // rows)
    offsets, lengths = (directory.several(tag) for tag in ((324, 325) if tiled else (273, 279)))
    if len(offsets) < planes * across * down or len(lengths) < len(offsets):
        raise ValueError(f"{len(offsets)} of {planes * across * down} strips or tiles are there")
    numbers = np.zeros((height, width, directory.bands), _dtype(directory))
    for index in range(planes * across * down):
        plane, rest = divmod(index, across * down)
        top, left = rest // across * rows, rest % across * columns
        if not lengths[index]:  # as GDAL leaves out what holds nothing
            continue
        # The last strip ends with the picture, the last tile goes beyond it.
        there = rows if tiled else min(rows, height - top)
        file.seek(offsets[index])
        part = _unpacked(file.read(lengths[index]), directory, there, columns, bands)
        bottom, right = min(top + rows, height), min(left + columns, width)
        numbers[top:bottom, left:right, plane * bands : (plane + 1) * bands] = part[: bottom - top, : right - left]
    return numbers


def palette_of(directory: Directory) -> NDArray[np.uint8] | None:
    """Return the colours of a palette picture as (N, 3); None of others."""
    values = directory.several(320)
    if directory.photometric != PALETTE or not values:
        return None
    return (np.array(values, np.uint16).reshape(3, -1).T >> 8).astype(np.uint8)


def _dtype(directory: Directory) -> np.dtype[Any]:
    """The type that holds a directory's numbers, in this machine's byte order."""
    size = 1 if directory.bits <= 8 else 2 if directory.bits <= 16 else directory.bits // 8
    return np.dtype(f"{directory.sample_format}{size}")


def _unpacked(data: bytes, directory: Directory, rows: int, columns: int, bands: int) -> NDArray[Any]:
    """The numbers of a strip or tile as (rows, columns, bands)."""
    bits = directory.bits
    line = -(-columns * bands * bits // 8)
    data = _decompressed(data, directory, line, rows)
    if len(data) < line * rows:
        raise ValueError(f"a strip or tile of {len(data):,} bytes where {line * rows:,} are due")
    found = np.frombuffer(data, np.uint8, line * rows).reshape(rows, line)
    if bits not in (8, 16, 32, 64):
        return _of_bits(found, bits, columns * bands).astype(_dtype(directory)).reshape(rows, columns, bands)
    kind = _dtype(directory)
    if directory.predictor == 3:
        # The bytes of a row lie apart by their weight, the heaviest first, and each is a difference (TIFF TechNote 3).
        summed = np.cumsum(found.reshape(rows, -1, bands), axis=1, dtype=np.uint8).reshape(rows, kind.itemsize, -1)
        return summed.transpose(0, 2, 1).copy().view(kind.newbyteorder(">")).reshape(rows, columns, bands)
    numbers = found.view(kind.newbyteorder("<" if directory.little else ">")).reshape(rows, columns, bands)
    if directory.predictor == 2:
        whole = np.dtype(f"u{kind.itemsize}")
        return np.cumsum(numbers.astype(kind).view(whole), axis=1, dtype=whole).view(kind)
    return numbers


def _of_bits(found: NDArray[np.uint8], bits: int, count: int) -> NDArray[np.uint16]:
    """Numbers of any few bits, packed one after the other from the highest bit on; a row begins with a byte."""
    single = np.unpackbits(found, axis=1, count=count * bits).reshape(len(found), count, bits)
    weights = (1 << np.arange(bits - 1, -1, -1)).astype(np.uint16)
    numbers: NDArray[np.uint16] = (single * weights).sum(axis=2, dtype=np.uint16)
    return numbers


def _decompressed(data: bytes, directory: Directory, line: int, rows: int) -> bytes:
    kind = directory.compression
    if directory.reversed_bits and kind != _LZW:
        data = np.packbits(np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")).tobytes()
    if kind == _PLAIN:
        return data
    # No more than is due, whatever else is packed there; and a byte, so that the sum at the end is checked.
    if kind in _DEFLATE:
        return zlib.decompressobj().decompress(data, line * rows + 1)
    if kind == _LZMA:
        return lzma.LZMADecompressor().decompress(data, line * rows + 1)
    return _by_libtiff(data, kind, line, rows)


def _by_libtiff(data: bytes, compression: int, line: int, rows: int) -> bytes:
    """Decompress bytes by Pillow's libtiff, as the one strip of a grey picture of `rows` rows of `line` bytes."""
    tags = {256: line, 257: rows, 258: 8, 259: compression, 262: 1, 273: 0, 277: 1, 278: rows, 279: len(data)}
    start = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, start if tag == 273 else value) for tag, value in tags.items())
    file = struct.pack("<4sIH", b"II*\0", 8, len(tags)) + entries + struct.pack("<I", 0) + data
    with Image.open(BytesIO(file), formats=("TIFF",)) as strip:
        return strip.tobytes()
