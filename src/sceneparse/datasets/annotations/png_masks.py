"""Masks as PNG inside JSON."""

from __future__ import annotations

import base64
import binascii
import zlib
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image


class MaskPngError(ValueError):
    """Text that holds no mask; the message says why."""


def base64_bytes(text: str) -> bytes:
    """Return what base64 text holds.

    Raises:
        MaskPngError: It is no base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MaskPngError("its mask is no base64") from None


def base64_mask(text: str) -> NDArray[np.bool_]:
    """Return the mask of a PNG in base64: what is not 0 in its only channel.

    Raises:
        MaskPngError: It is no base64, no picture, or has several channels.
    """
    values = picture_values(base64_bytes(text))
    if values.ndim != 2:
        raise MaskPngError(f"its mask has {values.shape[2]} channels, not one")
    return values != 0


def picture_values(content: bytes) -> NDArray[np.uint8]:
    """Return the values of a picture's pixels, from a file's content.

    Raises:
        MaskPngError: It is no picture.
    """
    try:
        with Image.open(BytesIO(content)) as image:
            values: NDArray[np.uint8] = np.array(image)
    except Exception as error:  # Pillow's readers let anything escape on damaged input
        raise MaskPngError(f"its mask is no picture ({' '.join(str(error).split())})") from None
    return values


def opacity(content: bytes) -> NDArray[np.uint8]:
    """Return the opacity of a picture's pixels, or the values of a grey one that has none.

    Raises:
        MaskPngError: It is no picture, or a colour one without transparency.
    """
    try:
        with Image.open(BytesIO(content)) as image:
            if image.has_transparency_data:
                return np.array(image.convert("RGBA"))[..., 3]
    except Exception as error:  # Pillow's readers let anything escape on damaged input
        raise MaskPngError(f"its mask is no picture ({' '.join(str(error).split())})") from None
    values = picture_values(content)
    if values.ndim != 2:
        raise MaskPngError("its mask is a colour picture without transparency, so that nothing says what is in it")
    return values.astype(np.uint8) * 255 if values.dtype == np.bool_ else values


def inflated(content: bytes) -> bytes:
    """Return what zlib packed, or the content itself where it is not packed."""
    try:
        return zlib.decompress(content)
    except zlib.error:
        return content
