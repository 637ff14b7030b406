"""Read the 16-bit numbers of a colour PNG, of which Pillow keeps the upper bytes alone."""

import struct
import zlib
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BANDS = {2: 3, 4: 2, 6: 4}
"""Bands of each colour type that has several."""


def deep_png_numbers(content: bytes, size: tuple[int, int]) -> NDArray[np.uint16] | None:
    """Return (H, W, bands) uint16; None if the file is interlaced or no colour PNG of 16 bits.

    PNG's filters predict each byte of a pixel from the byte at the same position in its neighbours. So the upper bytes
    of a picture, as they are filtered, are a filtered picture of 8 bits, and so are the lower ones. Pillow decodes
    both.

    Args:
        content: The file's.
        size: The height and width that it has by Pillow.

    Raises:
        ValueError: Cut off, or of another size.
    """
    header, data = b"", []
    at = len(_SIGNATURE)
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        if kind == b"IHDR":
            header = content[at + 8 : at + 8 + length]
        elif kind == b"IDAT":
            data.append(content[at + 8 : at + 8 + length])
        at += 12 + length
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if depth != 16 or color not in _BANDS or interlaced:
        return None
    line = 1 + 2 * width * _BANDS[color]
    if (height, width) != size:
        raise ValueError("two sizes in one file")
    # Not more than the picture has: some writers leave bytes behind it, and a few bytes can unpack to any number.
    rows = np.frombuffer(zlib.decompressobj().decompress(b"".join(data), height * line), np.uint8)
    rows = rows.reshape(height, line)
    filters, pixels = rows[:, :1], rows[:, 1:]
    upper, lower = (
        _decoded(struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0), np.hstack((filters, pixels[:, half::2])))
        for half in (0, 1)
    )
    return (upper.astype(np.uint16) << np.uint16(8)) | lower


def _decoded(header: bytes, rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    parts = [_SIGNATURE]
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 0)), (b"IEND", b"")):
        parts += [struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(kind + data))]
    with Image.open(BytesIO(b"".join(parts)), formats=("PNG",)) as image:
        return np.array(image)
