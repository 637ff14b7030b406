"""Open picture files that other people made; whatever is wrong with one becomes one clear line."""

import warnings
from io import BytesIO
from pathlib import Path
from typing import Literal, NamedTuple

from PIL import ExifTags, Image, UnidentifiedImageError

from sceneparse.errors import UserError

# Pillow warns from half of the size on that it refuses. Appended: a user's own filter comes first.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning, append=True)

Problem = Literal[
    "missing",
    "unreadable",
    "too-large",
    "form",
    "size",
    "turned",
    "jpeg-mask",
    "mask-is-rgb",
    "mask-is-index",
    "values",
]
"""What can be wrong with a file; the doctor groups by it."""


class PictureError(UserError):
    """A picture or mask that cannot be used. The message begins with the file's name.

    Args:
        message: One line: what, where, what to do.
        problem: Its kind.
    """

    # One required argument: loader processes send exceptions by type and message.
    def __init__(self, message: str, problem: Problem = "unreadable") -> None:
        super().__init__(message)
        self.problem: Problem = problem


class Decoded(NamedTuple):
    """A picture as Pillow gives it, with facts about the file that Pillow forgets once it's decoded.

    Args:
        image: The picture, not yet turned upright.
        format: File format, such as "JPEG".
        size: Height and width once upright.
        orientation: EXIF orientation 1..8 that is still to be applied; 1 is upright.
        raw: How pixels are packed in the file ("L;4" is four-bit grey), empty where the format has no such notion.
    """

    image: Image.Image
    format: str
    size: tuple[int, int]
    orientation: int
    raw: str


def described(source: Path | bytes) -> str:
    """Return how messages name a source: its path, or the number of its bytes."""
    return f"picture of {len(source):,} bytes" if isinstance(source, bytes) else str(source)


def decode(source: Path | bytes, *, pixels: bool = True) -> Decoded:
    """Open a picture, its first frame if there are several.

    Args:
        source: A file, or a file's content.
        pixels: Decode them. Without, only the header is read (for PNG, whose EXIF may come last, all of it).

    Raises:
        PictureError: No such file, empty, not a picture, damaged, or of more than twice
            `PIL.Image.MAX_IMAGE_PIXELS` pixels (179 million).
    """
    where = described(source)
    try:
        with Image.open(BytesIO(source) if isinstance(source, bytes) else source) as image:
            form, raw = image.format or "", _raw_mode(image)
            if pixels:
                image.load()
            orientation = _orientation(image)
            # Pillow itself turns TIFFs while it decodes them, and gives the upright size before.
            swapped = orientation >= 5 and form != "TIFF"
            size = (image.width, image.height) if swapped else (image.height, image.width)
            return Decoded(image, form, size, orientation, raw)
    except PictureError:
        raise
    except FileNotFoundError:
        raise PictureError(f"{where}: no such file", "missing") from None
    except IsADirectoryError:
        raise PictureError(f"{where}: is a folder, but a picture file is expected") from None
    except PermissionError:
        raise PictureError(f"{where}: may not be read; check its permissions") from None
    except UnidentifiedImageError:
        raise PictureError(f"{where}: {_why_unknown(source)}") from None
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise PictureError(
            f"{where}: more than {limit:,} pixels; no more are decoded, against decompression bombs: cut it into tiles "
            "or, in Python, raise PIL.Image.MAX_IMAGE_PIXELS",
            "too-large",
        ) from None
    except MemoryError:
        raise PictureError(f"{where}: not enough memory to decode it; cut it into tiles", "too-large") from None
    # Pillow's readers let anything escape on damaged input: struct.error, SyntaxError, IndexError, zlib.error, ...
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PictureError(f"{where}: damaged or cut off ({reason}); fetch it again or leave it out") from None


def _why_unknown(source: Path | bytes) -> str:
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    return "the file is empty" if size == 0 else "not a picture in a form that Pillow reads (JPEG, PNG, WebP, TIFF, …)"


def _raw_mode(image: Image.Image) -> str:
    tiles = getattr(image, "tile", None)
    if not tiles:
        return ""
    raw = tiles[0][3]
    raw = raw[0] if isinstance(raw, tuple) and raw else raw
    return raw if isinstance(raw, str) else ""


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # Unreadable EXIF is common and no reason to refuse a picture whose pixels are fine.
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
