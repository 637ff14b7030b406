"""Read pictures of every common format as uint8 tensors, and write them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneparse.files import whole_file
from sceneparse.pictures.decoding import Decoded, decode
from sceneparse.pictures.finding import FoundPicture, find_pictures
from sceneparse.pictures.forms import PICTURE_SUFFIXES
from sceneparse.pictures.masks import read_mask, write_mask
from sceneparse.pictures.numbers import Numbers, refuse_no_transparency
from sceneparse.pictures.problems import PictureError, described
from sceneparse.pictures.turning import Orientation, upright_array, upright_image
from sceneparse.settings.ranges import ValueRange

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "PICTURE_SUFFIXES",
    "FoundPicture",
    "PictureError",
    "Reading",
    "find_pictures",
    "picture_size",
    "read_mask",
    "read_picture",
    "write_mask",
    "write_picture",
]


class Reading(NamedTuple):
    """How the pictures of a data set are read; see `read_picture`."""

    orientation: Orientation = "apply"
    value_range: ValueRange | None = None


def read_picture(
    source: Path | bytes,
    channels: int = 3,
    *,
    orientation: Orientation = "apply",
    value_range: ValueRange | None = None,
) -> Tensor:
    """Read a picture as (channels, H, W) uint8, 0..255, upright by its EXIF orientation.

    With three channels (RGB) or one (luma, ITU-R 601) every form is converted: grey, palette, CMYK (also Adobe's
    inverted one; colour profiles are not applied), one bit; 16-bit grey is divided by 257, which takes 65535 to 255;
    of 16-bit colour the upper byte counts; of colour with further bands (near infrared) the colours; transparent pixels
    are laid over white; animations give their first frame. With another number of channels nothing is converted but
    palettes: the file must have that many (RGBA gives four).

    Args:
        source: A file, or a file's content.
        channels: Wanted number of channels.
        orientation: Whether the file's orientation is applied, or pixels stay as they are stored.
        value_range: The numbers that become 0 and 255, of pictures of more than 8 bits whose format doesn't say it
            itself: one pair for all bands or one for each. Numbers outside are cut off; those that the file calls no
            data, and NaN, become 0. None: the whole range of the type.

    Returns:
        The pixels. Memory is laid out as (H, W, channels), as decoders write it; `contiguous()` copies.

    Raises:
        PictureError: Missing, not a picture, damaged, too large, or of a form that has no clear meaning as bytes
            (without `value_range` 32-bit integers and floats; bands that cannot be told from each other).
    """
    return picture_of(decode(source), channels, orientation=orientation, value_range=value_range)


def picture_of(
    decoded: Decoded,
    channels: int = 3,
    *,
    orientation: Orientation = "apply",
    value_range: ValueRange | None = None,
) -> Tensor:
    """Return what `read_picture` does of a file that is decoded already."""
    import torch  # not at the top: reading a recipe must not wait for it

    turn = decoded.orientation if orientation == "apply" else 1
    image = decoded.picture
    deep = image is None or image.mode[0] in "IF" or (decoded.deep_color and value_range is not None)
    numbers = decoded.all_numbers() if deep else None
    if numbers is not None:
        if image is not None and numbers.alpha is None and isinstance(clear := image.info.get("transparency"), int):
            numbers = numbers.with_clear(clear)  # the grey of a PNG that stands for transparency
        pixels = torch.from_numpy(_of_numbers(decoded, numbers, channels, turn, value_range))
    else:
        pixels = torch.from_numpy(np.array(_of_image(decoded, channels, turn)))
    return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)


def picture_size(source: Path | bytes, *, upright: bool = True) -> tuple[int, int]:
    """Return the (height, width) that `read_picture` would give, from the file's header alone.

    Args:
        source: A file, or a file's content.
        upright: As the orientation turns it, for which all of a PNG is read; else as it is stored.

    Raises:
        PictureError: Missing, not a picture, or too large.
    """
    return decode(source, pixels=False, oriented=upright).size


def write_picture(path: Path, image: Tensor) -> None:
    """Write a (C, H, W) uint8 picture of 1, 3 or 4 (RGBA) channels, whole or not at all.

    The path's suffix gives the file format.
    """
    pixels = image.permute(1, 2, 0).numpy()
    with whole_file(path) as temporary:
        Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(temporary)


def range_for(decoded: Decoded, value_range: ValueRange | None) -> ValueRange | None:
    """Return the range in which a picture is shown: a PGM says itself which number is white."""
    return None if 0 < decoded.top < 65535 and decoded.format == "PPM" else value_range


def _of_numbers(
    decoded: Decoded, numbers: Numbers, channels: int, turn: int, value_range: ValueRange | None
) -> NDArray[np.uint8]:
    given = range_for(decoded, value_range)
    shown = upright_array(numbers.bytes_of(channels, given, described(decoded.source)), turn)
    if channels in (1, 3) and shown.shape[2] != channels:
        image = Image.fromarray(shown[..., 0] if shown.shape[2] == 1 else np.ascontiguousarray(shown))
        return np.array(image.convert("RGB" if channels == 3 else "L"))
    return np.ascontiguousarray(shown)


def _of_image(decoded: Decoded, channels: int, turn: int) -> Image.Image:
    image, where = upright_image(decoded.image, turn), described(decoded.source)
    if channels not in (1, 3):
        return _with_bands(image, channels, where)
    mode = "RGB" if channels == 3 else "L"
    if image.mode == mode and not image.has_transparency_data:
        return image
    if decoded.format == "TIFF" and image.mode == "RGBA":
        refuse_no_transparency(np.array(image.getchannel("A")), 255, where)
    return _converted(image, mode, where)


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
