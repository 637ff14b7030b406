"""Label Studio's brush strokes: bit-packed run lengths of an RGBA picture, row by row (as `@thi.ng/rle-pack`)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]

OPAQUE = 128
"""Alpha from which on a pixel is painted: strokes are soft at their borders."""


class BrushError(ValueError):
    """Run lengths that are none; the message says why."""


def brush_mask(rle: Sequence[int], size: Size) -> NDArray[np.bool_]:
    """Return the pixels that are painted at least half.

    Args:
        rle: The bytes.
        size: Height and width of the picture.

    Raises:
        BrushError: They are damaged, or of another size.
    """
    values = unpacked(rle)
    height, width = size
    if len(values) != height * width * 4:
        raise BrushError(f"its stroke has {len(values) // 4:,} pixels, but the picture has {height * width:,}")
    mask: NDArray[np.bool_] = values.reshape(height, width, 4)[..., 3] >= OPAQUE
    return mask


def unpacked(rle: Sequence[int]) -> NDArray[np.uint8]:
    """Return the values that run lengths stand for.

    The first 32 bits are the number of values, 5 bits the size of a value less 1, and four times 4 bits the sizes of
    run lengths less 1. Of each run one bit says whether its values are equal, two which size its length has, then
    comes the length less 1 and the value, or all values.

    Raises:
        BrushError: They are cut off, or no bytes.
    """
    try:
        content = bytes(list(rle))
    except (TypeError, ValueError, OverflowError):
        raise BrushError("its stroke is no list of bytes") from None
    bits = f"{int.from_bytes(content, 'big'):0{len(content) * 8}b}"
    position = 0

    def read(count: int) -> int:
        nonlocal position
        position += count
        if position > len(bits):
            raise BrushError("its stroke is cut off")
        return int(bits[position - count : position], 2)

    count, width = read(32), read(5) + 1
    if width > 8:
        raise BrushError(f"its stroke has values of {width} bits, not of 8")
    sizes = [read(4) + 1 for _ in range(4)]
    values = np.zeros(min(count, 1 << 31), dtype=np.uint8)
    filled = 0
    while filled < count:
        equal = read(1)
        end = min(filled + 1 + read(sizes[read(2)]), count)
        if equal:
            values[filled:end] = read(width)
        else:
            values[filled:end] = [read(width) for _ in range(end - filled)]
        filled = end
    return values
