"""What is known of one picture and its mask, at a fraction of the cost, where both are of the commonest forms.

A sound JPEG or 8-bit PNG with an 8-bit PNG mask needs no pixel in Python: a JPEG is decoded at an eighth of its size,
which reads all of its data, and a mask's values are counted by Pillow. Whatever is not certain this way is left to
`pair_facts`, so that all findings and their words come from there.
"""

from collections.abc import Sequence
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from sceneparse.doctor.looks import GRID, MaskLook, PictureLook
from sceneparse.labels import IGNORE, LabelSpace

MARGIN = 16
"""How far the extremes of a JPEG that is decoded small may lie from its own, in numbers of 0 to 255."""


class QuickPicture(NamedTuple):
    """What is known of a picture: (height, width), Pillow's mode, and how it is stored."""

    size: tuple[int, int]
    mode: str
    look: PictureLook


class QuickMask(NamedTuple):
    """What is known of a mask: (height, width), pixels of each class, ignored pixels, and how it is stored."""

    size: tuple[int, int]
    pixels: NDArray[np.int64]
    ignored: int
    look: MaskLook


class QuickLook:
    """Reads pictures and masks of the commonest forms.

    Args:
        labels: The label space of the masks, of ids.
    """

    def __init__(self, labels: LabelSpace) -> None:
        self._labels = labels

    @cached_property
    def _index_of(self) -> list[int | None]:
        """The class index of each value of 8 bits, None of one that no class has."""
        indices, unknown = self._labels.decode(np.arange(256, dtype=np.uint8)[None])
        return [None if str(value) in unknown else int(index) for value, index in enumerate(indices[0])]

    def picture(self, content: bytes) -> QuickPicture | None:
        """Return what is known of a picture that is read with three channels; None if `pair_facts` must tell.

        The extremes of a JPEG are those of the greys of its eighth, within `MARGIN`.
        """
        try:
            return _picture(content)
        except Exception:  # Pillow's readers let anything escape on damaged input; `pair_facts` finds the words
            return None

    def mask(self, path: Path) -> QuickMask | None:
        """Return what is known of a mask; None if `pair_facts` must tell."""
        try:
            return self._mask(path)
        except Exception:
            return None

    def _mask(self, path: Path) -> QuickMask | None:
        with path.open("rb") as file, Image.open(file, formats=("PNG",)) as image:
            if image.mode not in ("L", "P") or _raw(image) != image.mode or getattr(image, "is_animated", False):
                return None
            image.load()
            if not _plain(image):
                return None
            counts = image.histogram()
            pixels, ignored = np.zeros(len(self._labels), dtype=np.int64), 0
            used = [value for value, count in enumerate(counts) if count]
            for value in used:
                index = self._index_of[value]
                if index is None:
                    return None
                if index == IGNORE:
                    ignored += counts[value]
                else:
                    pixels[index] += counts[value]
            look = MaskLook(1, bits=8)
            if image.mode == "P":
                palette = bytes(image.getpalette("RGB") or ()).ljust(768, b"\0")
                if _of_greys(palette, used):
                    return None
                look = MaskLook(1, palette, tuple(used))
            return QuickMask((image.height, image.width), pixels, ignored, look)


def _picture(content: bytes) -> QuickPicture | None:
    with Image.open(BytesIO(content), formats=("JPEG", "PNG")) as image:
        size, mode = (image.height, image.width), image.mode
        if mode not in ("RGB", "L") or image.format not in ("JPEG", "PNG"):
            return None
        if image.format == "PNG" and (_raw(image) != mode or getattr(image, "is_animated", False)):
            return None
        if image.format == "JPEG":
            image.draft("L", (1, 1))  # a grey lies between its colours
        image.load()
        if not _plain(image):
            return None
        extremes = np.array(image.getextrema())
        sketch = image.resize((GRID, GRID), Image.Resampling.BOX).convert("L").tobytes()
        return QuickPicture(size, mode, PictureLook(1, int(extremes.min()), int(extremes.max()), 255, sketch=sketch))


def _raw(image: Image.Image) -> str:
    """How the file packs its pixels."""
    tiles = getattr(image, "tile", None)
    raw = tiles[0][3] if tiles else ""
    return raw if isinstance(raw, str) else ""


def _of_greys(palette: bytes, used: Sequence[int]) -> bool:
    """Whether the indices that occur have greys that are others."""
    colors = [palette[3 * index : 3 * index + 3] for index in used]
    return all(len(set(color)) == 1 for color in colors) and any(
        color[0] != index for index, color in zip(used, colors, strict=True)
    )


def _plain(image: Image.Image) -> bool:
    """Whether a picture is opaque and upright."""
    return "transparency" not in image.info and image.getexif().get(ExifTags.Base.Orientation, 1) == 1
