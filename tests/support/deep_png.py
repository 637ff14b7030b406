"""PNGs of 16-bit colours, which Pillow cannot write."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray


def deep_png(values: NDArray[np.uint16]) -> bytes:
    """A PNG of 16-bit colour, which Pillow does not write; its rows use all of PNG's filters in turn."""
    height, width, bands = values.shape
    raw = np.zeros((height + 1, (width + 1) * 2 * bands), np.uint8)
    raw[1:, 2 * bands :] = values.astype(">u2").reshape(height, -1).view(np.uint8)
    own, left, up, corner = (
        raw[y : y + height, x : x + 2 * bands * width].astype(int)
        for y, x in ((1, 2 * bands), (1, 0), (0, 2 * bands), (0, 0))
    )
    near = np.stack([left, up, corner])
    far = abs(left + up - corner - near)
    paeth = np.take_along_axis(near, far.argmin(axis=0)[None], axis=0)[0]
    guesses = [np.zeros_like(own), left, up, (left + up) // 2, paeth]
    rows = b"".join(bytes([y % 5]) + (own[y] - guesses[y % 5][y]).astype(np.uint8).tobytes() for y in range(height))
    content = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[bands], 0, 0, 0)
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return content
