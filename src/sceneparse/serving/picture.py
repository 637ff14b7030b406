"""Pictures from strangers: the header is checked against the limits before any pixel is decoded."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from sceneparse.parsing import Parser
from sceneparse.parsing.opening import PictureRead
from sceneparse.pictures.headers import Header, format_of
from sceneparse.pictures.reading import PictureError
from sceneparse.serving.problems import Problem, advice_on
from sceneparse.serving.settings import ServeSettings

MAX_SCANS = 100
"""Of a progressive JPEG. Cameras and editors write about ten; each costs a pass over the whole picture."""

_MARKER = re.compile(rb"\xff[^\x00\xff]")
_END, _SCAN = 0xD9, 0xDA
_BARE = (0x01, *range(0xD0, 0xD9))
"""Markers of a JPEG that nothing belongs to: restarts between the rows of a scan, and the picture's start."""

_TITLES = {"JPEG": "JPEG", "PNG": "PNG", "WEBP": "WebP", "MPO": "JPEG"}


@dataclass(frozen=True)
class Received:
    """A picture within the limits, still encoded.

    Args:
        content: The file's bytes.
        sha256: Their hash, hexadecimal.
        format: By Pillow's name.
    """

    content: bytes
    sha256: str
    format: str


def inspected(
    content: bytes, settings: ServeSettings, fitting: Callable[[tuple[int, int]], tuple[int, int] | None]
) -> Header:
    """Check a picture's header against the limits, and return it.

    Args:
        content: The file.
        settings: The limits.
        fitting: Gives the largest height and width, no larger than those given, that the model takes; see `Paces`.

    Raises:
        Problem: 400 empty, 413 too large, 415 not one of the formats, 422 damaged.
    """
    allowed = formats_text(settings.formats)
    if not content:
        raise Problem(400, "no-picture", f"The request holds no picture. Send a {allowed} file.")
    try:
        with Image.open(BytesIO(content), formats=settings.formats) as image:
            form, (width, height) = format_of(image), image.size
    except UnidentifiedImageError:
        raise Problem(415, "not-a-picture", f"{_seems(content)} Send a {allowed} file.") from None
    except Image.DecompressionBombError:
        raise Problem(413, "too-many-pixels", f"{_too_many(settings)} Make it smaller.") from None
    except Exception:  # Pillow's readers let anything escape on damaged input
        raise _damaged() from None
    if width * height > settings.max_pixels or max(width, height) > settings.max_side:
        many = width * height > settings.max_pixels
        why = _too_many(settings) if many else f"No side may be above {settings.max_side:,}."
        fits = fitting(_within((height, width), settings))
        advice = "Make it smaller." if fits is None else advice_on(fits)
        text = f"The picture has {width:,} × {height:,} pixels. {why} {advice}"
        raise Problem(413, "too-many-pixels", text, fits=fits)
    if form == "JPEG" and _scans(content) > MAX_SCANS:
        raise Problem(422, "damaged", f"The JPEG is made of more than {MAX_SCANS} scans. Save it anew.")
    return Header(form, (height, width))


def decoded(parser: Parser, content: bytes, header: Header, *, shown: bool) -> PictureRead:
    """Decode the picture into the pixels that the parser takes.

    Args:
        parser: The model.
        content: The file.
        header: What it was found to be within the limits: nothing else is decoded.
        shown: Whether the answer shows the picture. For any other no more pixels are decoded than the network takes.

    Raises:
        Problem: 413 too large for the memory, 422 damaged, or of a form that the model cannot take.
    """
    try:
        return parser.open(content, shown=shown, header=header)
    except PictureError as error:
        if error.problem == "too-large":
            raise Problem(413, "too-many-pixels", "The picture is too large to decode. Make it smaller.") from None
        if error.problem == "form":
            channels = parser.config.backbone.in_channels
            raise Problem(
                422,
                "wrong-form",
                f"The picture's pixels are of a form that this model cannot take: it takes 8 bits and {channels} "
                "channels.",
            ) from None
        raise _damaged() from None


def _scans(content: bytes) -> int:
    """Count a JPEG's scans up to its end; cameras append films and more pictures behind it (T.81, B.1)."""
    scans, position = 0, 2
    while found := _MARKER.search(content, position):
        marker, position = content[found.end() - 1], found.end()
        if marker == _END:
            break
        scans += marker == _SCAN
        if marker not in _BARE:  # a length follows, and so much of what may hold any bytes
            position += int.from_bytes(content[position : position + 2], "big")
    return scans


def formats_text(formats: Sequence[str]) -> str:
    """Join the names of formats for a sentence, such as "JPEG, PNG or WebP"."""
    names = [_TITLES.get(name, name) for name in formats]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _damaged() -> Problem:
    return Problem(422, "damaged", "The picture is damaged or cut off: it cannot be decoded.")


def _too_many(settings: ServeSettings) -> str:
    return f"This service takes at most {settings.max_pixels:,} pixels."


def _within(size: tuple[int, int], settings: ServeSettings) -> tuple[int, int]:
    """Return the largest height and width of a size's shape within the limits of pixels and sides."""
    share = min(1.0, math.sqrt(settings.max_pixels / math.prod(size)), settings.max_side / max(size))
    height, width = (max(1, math.floor(side * share)) for side in size)
    # A side of 1 is none that can be made smaller.
    return min(height, settings.max_pixels // width or 1), min(width, settings.max_pixels // height or 1)


def _seems(content: bytes) -> str:
    head = content[:512].lstrip().lower()
    if head.startswith((b"<svg", b"<?xml", b"<!doctype svg")):
        return "This is a drawing (SVG or XML), not a picture of pixels."
    if head.startswith((b"http:", b"https:", b"file:", b"data:")):
        return "This is an address, not a picture; nothing is fetched from elsewhere."
    if content[4:8] == b"ftyp" and content[8:12] in (b"heic", b"heix", b"mif1", b"msf1"):
        return "This is a HEIC picture, which is not taken."
    return "This is not a picture in a form that is taken."
