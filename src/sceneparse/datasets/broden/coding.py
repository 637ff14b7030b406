"""Ids of more than eight bits in the channels of colour pictures, as ADE20K and Broden+ store them.

id = (R // 10) · 256 + G; B only tells instances apart. 0 is "nothing there".
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneparse.files import whole_file
from sceneparse.pictures.decoding import PictureError, decode
from sceneparse.pictures.stored_masks import stored_mask

LARGEST = 25 * 256 + 255
"""The largest id that the two channels can hold."""


def read_ids(path: Path) -> NDArray[np.int32]:
    """Read an id map, (H, W) int32.

    Raises:
        PictureError: Missing, damaged, not a lossless colour picture, or of values that the code never makes.
    """
    pixels = read_colors(path)
    red = pixels[..., 0].astype(np.int32)  # before the product: 8 bits would overflow
    wrong = red % 10 != 0
    if wrong.any():
        raise PictureError(
            f"{path}: red value {red[wrong][0]} at {int(wrong.sum()):,} pixels, but ids are coded in multiples of 10; "
            "the file was changed (resized with interpolation, or saved lossily): fetch it again",
            "values",
        )
    return red // 10 * 256 + pixels[..., 1]


def read_colors(path: Path) -> NDArray[np.uint8]:
    """Read a lossless colour picture as it is, (H, W, 3) uint8.

    Raises:
        PictureError: Missing, damaged, lossy, of several pages, or not of three 8-bit channels.
    """
    decoded = decode(path, stored=True)
    colors = stored_mask(decoded).channels()
    if colors is None:
        raise PictureError(f"{path}: of mode {decoded.form}, but ids are coded in red and green", "form")
    return colors


def encode_ids(ids: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Ids 0..6655, (H, W), as (H, W, 3) uint8 colours."""
    assert ids.min(initial=0) >= 0 and ids.max(initial=0) <= LARGEST
    wide = ids.astype(np.int32)
    return np.stack([wide // 256 * 10, wide % 256, np.zeros_like(wide)], axis=-1).astype(np.uint8)


def write_ids(path: Path, ids: NDArray[np.integer]) -> None:
    """Write an id map as PNG, whole or not at all."""
    with whole_file(path) as temporary:
        Image.fromarray(encode_ids(ids)).save(temporary, format="PNG")
