"""Pages and frames of a file behind the one that is read as the picture."""

import struct
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import IO, Literal, NamedTuple

from PIL import Image

from sceneparse.errors import counted
from sceneparse.pictures.tiff_tags import MAGIC, directories


class Further(NamedTuple):
    """What a file holds behind its first picture.

    Args:
        more: How many further ones there are.
        what: What these are called.
    """

    more: int = 0
    what: Literal["page", "frame"] = "page"

    def __str__(self) -> str:
        tool = "tiffsplit IN OUT" if self.what == "page" else "magick IN -coalesce OUT-%04d.png"
        return (
            f"{counted(1 + self.more, self.what)}, of which the first is parsed; to have all of them, make a file of "
            f"each, such as by: {tool}"
        )


NOTHING_FURTHER = Further()


def further_pictures(source: Path | bytes) -> Further:
    """Return what a file holds behind the picture that `read_picture` gives.

    Pages are counted in TIFFs, as scanners write them; overviews and transparency masks are none. Frames are counted in
    animated GIF, PNG, WebP and AVIF. The further pictures of a phone's JPEG (MPO) are previews and second views, which
    nobody misses.
    """
    with BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        head = file.read(32)
        if head[:4] in MAGIC:
            return Further(_pages(file))
        form = _may_move(head)
        frames = _frames(file, form) if form else 0
        return Further(frames, "frame") if frames else NOTHING_FURTHER


def _pages(file: IO[bytes]) -> int:
    count = -1
    # What is damaged behind the first page is not what is read.
    with suppress(OSError, ValueError, SyntaxError, struct.error):
        for page in directories(file):
            count += page.whole or count < 0
    return max(count, 0)


def _may_move(head: bytes) -> str:
    """Which format that may have several frames, or says that it has, a file is of by its first 32 bytes; else none."""
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and head[20] & 0b10:
        return "WEBP"
    if head[:4] == b"GIF8":
        return "GIF"
    if head[:4] == b"\x89PNG":
        return "PNG"
    return "AVIF" if head[4:12] == b"ftypavis" else ""


def _frames(file: IO[bytes], form: str) -> int:
    file.seek(0)
    # Pillow's readers let anything escape on damaged input; what is damaged behind the first frame is not read.
    with suppress(Exception), Image.open(file, formats=(form,)) as image:
        return int(getattr(image, "n_frames", 1)) - 1
    return 0
