"""Read pictures of every common format as uint8 tensors, and write them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from sceneparse.files import whole_file
from sceneparse.pictures.decoding import Decoded, PictureError, decode, described
from sceneparse.pictures.finding import PICTURE_SUFFIXES, FoundPicture, find_pictures
from sceneparse.pictures.masks import read_mask, write_mask

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "PICTURE_SUFFIXES",
    "FoundPicture",
    "PictureError",
    "find_pictures",
    "picture_size",
    "read_mask",
    "read_picture",
    "write_mask",
    "write_picture",
]

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What each EXIF orientation needs to stand upright (Exif 2.3, tag 0x0112)."""


def read_picture(source: Path | bytes, channels: int = 3) -> Tensor:
    """Read a picture as (channels, H, W) uint8, 0..255, upright by its EXIF orientation.

    With three channels (RGB) or one (luma, ITU-R 601) every form is converted: grey, palette, CMYK (also Adobe's
    inverted one; colour profiles are not applied), one bit; 16-bit grey is divided by 257, which takes 65535 to 255;
    of 16-bit colour the upper byte counts; transparent pixels are laid over white; animations give their first frame.
    With another number of channels nothing is converted but palettes: the file must have that many (RGBA gives four).

    Args:
        source: A file, or a file's content.
        channels: Wanted number of channels.

    Returns:
        The pixels. Memory is laid out as (H, W, channels), as decoders write it; `contiguous()` copies.

    Raises:
        PictureError: Missing, not a picture, damaged, too large, or of a form that has no clear meaning as bytes
            (32-bit integers, floats).
    """
    import torch  # not at the top: reading a recipe must not wait for it

    decoded = decode(source)
    image = _upright(_eight_bit(decoded, described(source)), decoded.orientation)
    if channels in (1, 3):
        mode = "RGB" if channels == 3 else "L"
        if image.mode != mode or image.has_transparency_data:
            image = _converted(image, mode, described(source))
    else:
        image = _with_bands(image, channels, described(source))
    pixels = torch.from_numpy(np.array(image))
    return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)


def picture_size(path: Path) -> tuple[int, int]:
    """Return the (height, width) that `read_picture` would give, from the file's header alone.

    Raises:
        PictureError: Missing, not a picture, or too large.
    """
    return decode(path, pixels=False).size


def write_picture(path: Path, image: Tensor) -> None:
    """Write a (C, H, W) uint8 picture of 1, 3 or 4 (RGBA) channels, whole or not at all.

    The path's suffix gives the file format.
    """
    pixels = image.permute(1, 2, 0).numpy()
    with whole_file(path) as temporary:
        Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(temporary)


def _eight_bit(decoded: Decoded, where: str) -> Image.Image:
    image = decoded.image
    # Pillow opens 16-bit PGM, and old Pillow 16-bit PNG, as 32-bit integers that hold 0..65535.
    if image.mode.startswith("I;16") or (image.mode == "I" and decoded.format in ("PNG", "PPM")):
        return Image.fromarray(((np.array(image).astype(np.uint32) + 128) // 257).astype(np.uint8))
    if image.mode in ("I", "F"):
        kind = "floating-point" if image.mode == "F" else "32-bit integer"
        raise PictureError(
            f"{where}: {kind} pixels have no fixed range to show them in; convert the file to 8 or 16 bits", "form"
        )
    return image


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def _converted(image: Image.Image, mode: str, where: str) -> Image.Image:
    try:
        if image.has_transparency_data:
            colors = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), colors).convert("RGB")
        elif image.mode == "P":
            image = image.convert("RGB")  # not straight to grey: that would skip the palette's colours in old Pillows
        return image.convert(mode)
    except ValueError:
        raise PictureError(
            f"{where}: colour mode {image.mode} cannot be turned into {mode}; save the file as RGB", "form"
        ) from None


def _with_bands(image: Image.Image, channels: int, where: str) -> Image.Image:
    found = image.mode
    if image.mode in ("P", "PA", "CMYK"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    bands = len(image.getbands())
    if bands != channels:
        raise PictureError(
            f"{where}: has {bands} channel{'s' * (bands != 1)} ({found}), but {channels} are wanted; nothing is "
            "converted between such forms",
            "form",
        )
    return image
