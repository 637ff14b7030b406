"""TIFF files in the forms that cameras, microscopes and GDAL write and Pillow does not."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TYPES = {"u": 1, "i": 2, "f": 3}


@dataclass(frozen=True)
class Tiff:
    """One page.

    Args:
        values: (H, W) or (H, W, bands).
        photometric: 0 white is zero, 1 black is zero, 2 RGB.
        planar: Whether bands are stored one after the other.
        extra: What bands beyond the colours are. None: 0 ("not said") for each.
        bits: Bits of a number, where these are fewer than the type's: 4, 12.
        deflate: Whether it is compressed.
        rows: Rows of a strip; 0 for one strip.
        orientation: EXIF orientation.
        nodata: As GDAL writes it.
        reduced: Whether it is a smaller version of another page.
    """

    values: NDArray[Any]
    photometric: int = 1
    planar: bool = False
    extra: tuple[int, ...] | None = None
    bits: int = 0
    deflate: bool = False
    rows: int = 0
    orientation: int = 1
    nodata: str = ""
    reduced: bool = False

    @property
    def bands(self) -> NDArray[Any]:
        """The values as (H, W, bands)."""
        return self.values[..., None] if self.values.ndim == 2 else self.values

    def strips(self) -> list[bytes]:
        """The strips, in the order of the file."""
        bands = self.bands
        planes = [bands[..., index : index + 1] for index in range(bands.shape[2])] if self.planar else [bands]
        rows = self.rows or len(bands)
        parts = [plane[top : top + rows] for plane in planes for top in range(0, len(bands), rows)]
        packed = [self._packed(part) for part in parts]
        return [zlib.compress(one) for one in packed] if self.deflate else packed

    def _packed(self, part: NDArray[Any]) -> bytes:
        if not self.bits:
            return part.astype(part.dtype.newbyteorder("<")).tobytes()
        lines = part.reshape(len(part), -1)
        single = (lines[..., None] >> np.arange(self.bits - 1, -1, -1)) & 1
        return np.packbits(single.reshape(len(part), -1).astype(np.uint8), axis=1).tobytes()

    def tags(self, offsets: Sequence[int], lengths: Sequence[int]) -> dict[int, tuple[str, Sequence[int] | bytes]]:
        """The tags by number: type and values."""
        height, width, count = self.bands.shape
        bits = self.bits or 8 * self.values.dtype.itemsize
        colors = 3 if self.photometric == 2 else 1
        extra = (0,) * (count - colors) if self.extra is None else self.extra
        tags: dict[int, tuple[str, Sequence[int] | bytes]] = {
            254: ("I", [int(self.reduced)]),
            256: ("I", [width]),
            257: ("I", [height]),
            258: ("H", [bits] * count),
            259: ("H", [8 if self.deflate else 1]),
            262: ("H", [self.photometric]),
            273: ("I", offsets),
            274: ("H", [self.orientation]),
            277: ("H", [count]),
            278: ("I", [self.rows or height]),
            279: ("I", lengths),
            284: ("H", [2 if self.planar else 1]),
        }
        if extra:
            tags[338] = ("H", extra)
        tags[339] = ("H", [TYPES[self.values.dtype.kind]] * count)
        if self.nodata:
            tags[42113] = ("s", self.nodata.encode() + b"\0")
        return tags


def tiff_bytes(*pages: Tiff) -> bytes:
    """The content of a TIFF file, little-endian."""
    content = bytearray(b"II*\0\0\0\0\0")
    link = 4
    for page in pages:
        strips = page.strips()
        offsets = []
        for strip in strips:
            offsets.append(len(content))
            content += strip
        entries = b""
        for tag, (kind, values) in sorted(page.tags(offsets, [len(strip) for strip in strips]).items()):
            data = values if isinstance(values, bytes) else struct.pack(f"<{len(values)}{kind}", *values)
            number = {"s": 2, "H": 3, "I": 4}[kind]
            if len(data) > 4:
                place = struct.pack("<I", len(content))
                content += data
            else:
                place = data.ljust(4, b"\0")
            entries += struct.pack("<HHI", tag, number, len(values)) + place
        content += b"\0" * (len(content) % 2)
        content[link : link + 4] = struct.pack("<I", len(content))
        content += struct.pack("<H", len(entries) // 12) + entries
        link = len(content)
        content += b"\0\0\0\0"
    return bytes(content)
