"""A picture in any form that a caller may hold, as the pixels that a network takes."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from inspect import iscoroutinefunction
from io import BytesIO, TextIOBase
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sceneparse.errors import UserError, reason_of
from sceneparse.paths import expanded, expanded_source, meant
from sceneparse.pictures.problems import PictureError
from sceneparse.pictures.reading import read_picture
from sceneparse.pictures.turning import TURNED_BACK, Orientation, orientation_of, upright_image

StillPicture = str | Path | bytes | Image.Image | NDArray[Any] | Tensor
"""A picture that needs nobody to keep a file open."""

Picture = StillPicture | bytearray | memoryview | IO[bytes]
"""What a picture can be: a file by its name or open, a file's content, or pixels."""

CONTENTS = (bytes, bytearray, memoryview)


def is_picture(value: object) -> bool:
    """Return whether a value has a form in which a picture may come, whatever it holds."""
    return isinstance(value, (str, Path, *CONTENTS, Image.Image, np.ndarray, Tensor)) or _reader_of(value) is not None


def is_batch(value: object) -> bool:
    """Return whether an array or a tensor holds several pictures: it has an axis more than one has, or holds names."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "OU":
        return value.ndim > 0
    return isinstance(value, np.ndarray | Tensor) and value.ndim > 3


def content_of(picture: Picture) -> StillPicture:
    """Return the content of a file that is open, or of a buffer, as bytes; any other picture as it is.

    A file's name has a home folder for a "~" at its beginning.

    A file is read from its beginning where it can go back there, as Pillow does it: it can be parsed again.

    Raises:
        UserError: The file is closed, is open as text, or cannot be read.
    """
    given: Any = picture
    if isinstance(given, bytearray | memoryview):
        return bytes(given)
    read = _reader_of(given)
    if read is None:
        return expanded_source(given) if isinstance(given, str | Path) else given
    kind = type(given).__name__
    if isinstance(given, TextIOBase):
        raise UserError("a file that is open as text is no picture: open it as bytes, such as open(name, 'rb')")
    if iscoroutinefunction(read):
        raise UserError(f"a picture cannot be of type {kind}, whose read() has to be awaited: give what it returns")
    try:
        with suppress(AttributeError, OSError):  # a pipe or an answer of a server, which is where it is
            given.seek(0)
        content = read()
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"a picture of type {kind} cannot be read: {reason_of(error)}") from None
    if not isinstance(content, CONTENTS):
        raise UserError(
            f"a picture of type {kind} cannot be read: its read() gives {type(content).__name__}, not bytes"
        )
    return bytes(content)


@contextmanager
def named_by_caller(picture: Picture) -> Iterator[None]:
    """Say what is done about a file that a caller named and that cannot be opened: it is a folder, or mistyped.

    Args:
        picture: What is opened within.

    Raises:
        UserError: It is a folder.
        PictureError: It is not there, or as what is done within raises it.
    """
    if not isinstance(picture, str | Path):
        yield
        return
    path = expanded(picture)
    # Not Path's own question, which fails where a name is too long for any file.
    if os.path.isdir(path):  # noqa: PTH112
        call = f"sceneparse.predict(parser, {str(path)!r}, 'parsed')"
        raise UserError(f"{path} is a folder; what parses the pictures in it is {call}")
    try:
        yield
    except PictureError as error:
        if error.problem != "missing":
            raise
        raise PictureError(f"{error}{meant(path)}", "missing") from None


def taken(picture: Picture) -> StillPicture | UserError:
    """A picture that is read ahead: whoever yields files may close each before it is read, once the next is asked for.

    What cannot be read is said when its turn has come.
    """
    try:
        return content_of(picture)
    except UserError as error:
        return error


def _reader_of(value: Any) -> Callable[[], Any] | None:
    """What reads a file that is open; None of what is none."""
    read = getattr(value, "read", None)
    return read if callable(read) and not isinstance(value, type) else None


def read_pixels(picture: Picture, channels: int, orientation: Orientation = "apply") -> Tensor:
    """The pixels as (channels, H, W) uint8, values 0..255; they share no memory with the picture.

    Args:
        picture: A file (str, Path or open for reading bytes), a file's content (bytes), a PIL image, a (H, W, channels)
            or (H, W) uint8 array, or a (channels, H, W) uint8 tensor.
        channels: Wanted number of channels. Grey and colour are converted into each other.
        orientation: Whether the first three are turned as their EXIF says, or stay as their pixels are stored.

    Raises:
        UserError: The picture cannot be read, or pixels of another type or shape.
    """
    picture = content_of(picture)
    if isinstance(picture, str | Path):
        return read_picture(Path(picture), channels, orientation=orientation)
    if isinstance(picture, bytes):
        return read_picture(picture, channels, orientation=orientation)
    if isinstance(picture, Image.Image):
        return _of_pil(picture, channels, orientation)
    if isinstance(picture, np.ndarray):
        return _of_array(picture, channels)
    if isinstance(picture, Tensor):
        return _of_tensor(picture, channels)
    raise UserError(
        f"a picture cannot be of type {type(picture).__name__}: give a file name, a file that is open, its content as "
        "bytes, a PIL image, a uint8 array (H, W, 3) or a uint8 tensor (C, H, W)"
    )


def deep_content(image: Image.Image, orientation: Orientation = "apply") -> bytes | None:
    """Return a PIL image of 16-bit grey as the content of a file; None of any other.

    Args:
        image: The image.
        orientation: As `read_pixels` takes it.
    """
    if image.mode[0] != "I" or image.width == 0 or image.height == 0:
        return None
    return _content(_turned(image, orientation))


def _of_pil(image: Image.Image, channels: int, orientation: Orientation = "apply") -> Tensor:
    if image.width == 0 or image.height == 0:
        raise UserError(f"a picture of {image.width}×{image.height} pixels has nothing to parse")
    if image.mode == "F":
        raise UserError(
            "a PIL image of floating-point pixels (mode F) has no fixed range: convert it to RGB or L first"
        )
    upright = _turned(image, orientation)
    if (channels, upright.mode) in ((3, "RGB"), (1, "L")) and not upright.has_transparency_data:
        return _chw(np.array(upright))
    if upright.mode == "La":
        upright = upright.convert("LA")  # the one form that Pillow turns it into
    if upright.mode not in ("1", "L", "LA", "I", "I;16", "P", "RGB", "RGBA"):
        upright = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    # Rare forms take the way through a file's content, so that they mean what they mean in a file: palettes,
    # transparency, 16 bits.
    return read_picture(_content(upright), channels)


def _turned(image: Image.Image, orientation: Orientation) -> Image.Image:
    tiff = image.format == "TIFF"  # which Pillow turns while it decodes it, and forgets how
    before = orientation_of(image) if tiff else 1
    try:
        image.load()
    except OSError as error:
        raise UserError(f"a PIL image whose file is damaged or cut off ({error}) cannot be parsed") from None
    if orientation == "ignore":
        return image.transpose(TURNED_BACK[before]) if before > 1 else image
    return image if tiff else upright_image(image, orientation_of(image))


def _content(image: Image.Image) -> bytes:
    content = BytesIO()
    if image.mode[0] == "I":
        numbers = np.array(image)
        if numbers.min() < 0 or numbers.max() > 65535:
            image.save(content, "TIFF")  # which alone holds 32 bits
            return content.getvalue()
        image = Image.fromarray(numbers.astype(np.uint16))
    image.save(content, "PNG", compress_level=0, exif=b"")  # without: it would be turned again
    return content.getvalue()


def _of_array(array: NDArray[Any], channels: int) -> Tensor:
    wanted = f"a uint8 array of shape (H, W, {channels}){' or (H, W)' if channels in (1, 3) else ''}, values 0..255"
    if array.dtype != np.uint8:
        hint = (
            _of_floats(float(array.max()), "array", "astype(np.uint8)")
            if array.dtype.kind == "f" and array.size
            else ""
        )
        raise UserError(f"an array of {array.dtype} is no picture: give {wanted}{hint}")
    if array.ndim == 3 and array.shape[2] == channels and array.size:
        return _chw(array.copy())
    if channels in (1, 3) and array.size and (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))):
        return _of_pil(Image.fromarray(array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array), channels)
    first = array.ndim == 3 and array.shape[0] in (1, 3, channels) and array.size
    hint = "; if its channels come first: array.transpose(1, 2, 0)" if first else ""
    raise UserError(f"an array of shape {array.shape} is no picture: give {wanted}{hint}")


def _of_floats(largest: float, what: str, cast: str) -> str:
    """How floating-point pixels become bytes: by their largest value, whether they are 0..1 or 0..255."""
    if largest > 1:
        return f"; if its values are 0..255: {what}.round().{cast}"
    return f"; if its values are 0..1: ({what} * 255).round().{cast}"


def _of_tensor(tensor: Tensor, channels: int) -> Tensor:
    wanted = f"a uint8 tensor of shape ({channels}, H, W), values 0..255"
    if tensor.dtype != torch.uint8:
        floats = tensor.is_floating_point() and tensor.numel()
        hint = _of_floats(float(tensor.max()), "tensor", "to(torch.uint8)") if floats else ""
        raise UserError(f"a tensor of {str(tensor.dtype).removeprefix('torch.')} is no picture: give {wanted}{hint}")
    if tensor.ndim != 3 or tensor.shape[0] not in ((1, 3) if channels in (1, 3) else (channels,)) or not tensor.numel():
        raise UserError(f"a tensor of shape {tuple(tensor.shape)} is no picture: give {wanted}")
    tensor = tensor.detach().cpu()
    return tensor.clone() if len(tensor) == channels else _of_array(tensor.permute(1, 2, 0).numpy(), channels)


def _chw(pixels: NDArray[np.uint8]) -> Tensor:
    tensor = torch.from_numpy(pixels)
    return tensor[None] if tensor.ndim == 2 else tensor.permute(2, 0, 1)


def visible(image: Tensor) -> NDArray[np.uint8]:
    """(H, W, 3) of any number of channels: grey three times, or the first three."""
    shown = image[:3] if len(image) >= 3 else image[:1].expand(3, -1, -1)
    return shown.permute(1, 2, 0).contiguous().numpy()
