"""Grey PNGs of 1, 2 or 4 bits, as programs that shrink PNGs write them; Pillow writes none of 2 and 4."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray


def packed_png(numbers: NDArray[np.uint8], bits: int, clear: int | None = None) -> bytes:
    """Return a PNG of (H, W) numbers, each below 2 ** bits, of which one may be transparent."""
    height, width = numbers.shape
    digits = ((numbers[..., None] >> np.arange(bits - 1, -1, -1, dtype=np.uint8)) & 1).reshape(height, width * bits)
    rows = np.packbits(digits, axis=1)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    content = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    if clear is not None:
        parts.insert(1, (b"tRNS", struct.pack(">H", clear)))
    for kind, part in parts:
        content += struct.pack(">I", len(part)) + kind + part + struct.pack(">I", zlib.crc32(kind + part))
    return content
