"""Read the numbers of a PPM of more than 8 bits, of which Pillow keeps a byte each."""

import re

import numpy as np
from numpy.typing import NDArray

_HEADER = re.compile(rb"P([36])" + rb"(?:\s|#[^\r\n]*[\r\n])+(\d+)" * 3 + rb"\s")


def deep_ppm_numbers(content: bytes) -> NDArray[np.uint16]:
    """Return (H, W, 3) uint16.

    https://netpbm.sourceforge.net/doc/ppm.html: numbers above 255 have two bytes, the heavier first; plain files have
    decimals.

    Args:
        content: The file's; its largest number is above 255.

    Raises:
        ValueError: Cut off, or another format.
    """
    header = _HEADER.match(content)
    if header is None:
        raise ValueError("no PPM")
    form, width, height, _ = map(int, header.groups())
    count, data = 3 * width * height, content[header.end() :]
    if form == 6:
        numbers = np.frombuffer(data, ">u2", count).astype(np.uint16)
    else:
        plain = re.sub(rb"#[^\r\n]*", b" ", data).split()
        numbers = np.array(plain[:count], np.uint16)
    if len(numbers) < count:
        raise ValueError("cut off")
    return numbers.reshape(height, width, 3)
