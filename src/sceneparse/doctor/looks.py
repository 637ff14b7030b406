"""How a picture and its mask hold what they hold: orientation, range of numbers, palette."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneparse.data.sample import Stored
from sceneparse.labels import Color
from sceneparse.pictures.decoding import Decoded, decode
from sceneparse.pictures.further import NOTHING_FURTHER, Further, further_pictures
from sceneparse.pictures.problems import PictureError
from sceneparse.pictures.stored_masks import StoredMask, stored_mask

if TYPE_CHECKING:
    from torch import Tensor


GREYS = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
"""A palette whose colours are its indices."""


GRID = 16
"""Rows and columns of a sketch."""

LUMA = (0.299, 0.587, 0.114)
"""The shares of red, green and blue in a grey, by ITU-R BT.601, as Pillow takes them."""

SAMPLED = 8
"""Of a larger picture so many pixels are taken along each side of a cell of its sketch."""


@dataclass(frozen=True)
class PictureLook:
    """How a picture is stored.

    Args:
        orientation: Its own, 1..8; 1 is upright.
        lowest: The lowest number that is stored; of 8-bit pictures as shown.
        highest: The highest.
        white: The number that its type, or its file, has for white; 255 of 8-bit pictures, 0 where there is none.
        translucent: Whether most of its pixels are neither clear nor opaque.
        further: Pages or frames behind the one that is read.
        sketch: Its greys in a grid of `GRID` by `GRID`, by which pictures that look alike are found; empty where they
            are not known.
    """

    orientation: int
    lowest: float
    highest: float
    white: int
    translucent: bool = False
    further: Further = NOTHING_FURTHER
    sketch: bytes = b""


@dataclass(frozen=True)
class MaskLook:
    """How a mask is stored.

    Args:
        orientation: Its own, 1..8; 1 is upright.
        palette: Red, green and blue of each index of a palette file, one after the other; empty of others.
        used: The indices that occur in a palette file.
        greys: Whether these are the greys of its palette, in place of its own indices.
        bits: Bits of a number in a grey PNG; 0 of others.
        shown: The numbers that occur, with the grey that each is shown in, where grey of few bits or a palette of greys
            is shown as others.
        shown_as: The grey of each number of such a file.
    """

    orientation: int
    palette: bytes = b""
    used: tuple[int, ...] = ()
    greys: bool = False
    bits: int = 0
    shown: Mapping[int, int] = field(default_factory=dict)
    shown_as: tuple[int, ...] = ()

    def color(self, index: int) -> Color:
        """The palette's colour of an index; black beyond its end."""
        red, green, blue = self.palette[3 * index : 3 * index + 3].ljust(3, b"\0")
        return red, green, blue


@dataclass(frozen=True)
class Looks:
    """How a picture and its mask are stored; None of what cannot be read."""

    picture: PictureLook | None = None
    mask: MaskLook | None = None


def picture_look(decoded: Decoded, shown: Tensor) -> PictureLook:
    """Return how a picture is stored.

    Args:
        decoded: The file.
        shown: Its pixels as they are read, (C, H, W).
    """
    further = further_pictures(decoded.source)
    numbers = decoded.all_numbers()
    extremes = None if numbers is None else numbers.extremes()
    if numbers is None or extremes is None:
        values = shown.numpy()
        image = decoded.picture
        translucent = image is not None and image.mode == "RGBA" and _translucent(np.array(image.getchannel("A")))
        look = PictureLook(decoded.orientation, int(values.min()), int(values.max()), 255, translucent, further)
    else:
        look = PictureLook(decoded.orientation, *extremes, numbers.white or 0, further=further)
    return replace(look, sketch=sketch_of(shown))


def sketch_of(shown: Tensor) -> bytes:
    """Return the mean greys of a picture's cells, row by row: of three channels their luma, of others their mean.

    Args:
        shown: Its pixels as they are read, (C, H, W).
    """
    height, width = shown.shape[1:]
    rows, columns = (max(1, side // (GRID * SAMPLED)) for side in (height, width))
    sampled = shown[:, ::rows, ::columns].numpy()
    mixed = np.tensordot(LUMA, sampled, axes=1) if len(sampled) == len(LUMA) else sampled.mean(axis=0)
    greys = mixed.round().clip(0, 255).astype(np.uint8)
    return Image.fromarray(greys).resize((GRID, GRID), Image.Resampling.BOX).tobytes()


def sample_looks(shown: Tensor, sources: Stored | None) -> Looks:
    """Return how a sample is stored, of data sets that are no folders of pictures and masks.

    Args:
        shown: Its picture as it is read, (C, H, W).
        sources: Its picture and its mask as files or their content, as far as there are such.
    """
    picture, mask = (None, None) if sources is None else sources
    look = PictureLook(1, int(shown.min()), int(shown.max()), 255, sketch=sketch_of(shown))
    if picture is not None:
        with suppress(PictureError):
            decoded = decode(picture, pixels=False)
            ordinary = decoded.picture is not None and decoded.form in _ORDINARY and not decoded.deep_color
            look = replace(look, orientation=decoded.orientation, further=further_pictures(picture))
            look = look if ordinary else picture_look(decode(picture), shown)
    drawn = None
    if mask is not None:
        with suppress(PictureError):
            decoded = decode(mask, pixels=False)
            drawn = MaskLook(decoded.orientation)
            if decoded.picture is not None and decoded.form == "P":
                drawn = mask_look(stored_mask(decode(mask, stored=True)))
    return Looks(look, drawn)


_ORDINARY = frozenset(("1", "L", "P", "RGB", "CMYK", "YCbCr"))
"""Pillow's modes of pictures of 8 bits without transparency, of which the shown pixels say all."""


def _translucent(alpha: NDArray[np.uint8]) -> bool:
    return 2 * int(((alpha == 0) | (alpha == 255)).sum()) < alpha.size


def mask_look(stored: StoredMask) -> MaskLook:
    """Return how a mask is stored."""
    palette = GREYS if stored.greys else stored.palette
    shown = stored.shown()
    shown_as = stored.shown_as() if shown else ()
    if palette is None:
        return MaskLook(stored.orientation, bits=stored.bits, shown=shown, shown_as=shown_as)
    used = np.flatnonzero(np.bincount(stored.values.ravel(), minlength=1))
    return MaskLook(
        stored.orientation, palette.tobytes(), tuple(used.tolist()), stored.greys, shown=shown, shown_as=shown_as
    )
