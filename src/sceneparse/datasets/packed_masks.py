"""Masks that a program may have packed into fewer bits, among others that it didn't: their ids are not certain."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path

from sceneparse.labels import LabelSpace
from sceneparse.pictures.decoding import decode
from sceneparse.pictures.packed_greys import AS_SHOWN, GreyForm, grey_form, two_readings
from sceneparse.pictures.problems import PictureError
from sceneparse.pictures.stored_masks import stored_mask

ANEW = (
    f"write it anew with 8 bits, from its source or, if a program that shrinks PNGs changed it: {AS_SHOWN}; masks that "
    "are all of one form are read as they are stored"
)


class PackedMasks:
    """Refuses masks of a split that may be read in two ways.

    Args:
        masks: Gives all masks of the data set, whose splits share what their numbers mean.
    """

    def __init__(self, masks: Callable[[], Iterable[Path]]) -> None:
        self._masks = masks

    @cached_property
    def _forms(self) -> frozenset[GreyForm]:
        """The forms of all masks, which are looked for only where one is packed: of most data sets none is."""
        return frozenset(form for mask in self._masks() if (form := grey_form(mask)) is not None)

    def refuse(self, mask: Path, labels: LabelSpace) -> None:
        """Refuse a mask whose numbers are known ids as they are stored and as they are shown, if others are not packed.

        Raises:
            PictureError: It is such a mask, or cannot be read.
        """
        form = grey_form(mask) if labels.masks == "index" else None
        # Where all masks are of one form, as sets of black and white are, no mask is decoded a second time.
        if form is None or not form.packed or not any(map(form.differs, self._forms)):
            return
        if reading := two_readings(stored_mask(decode(mask, stored=True)).shown(), labels):
            raise PictureError(f"{mask}: {packed_text(reading, form.bits, palette=form.palette)}; {ANEW}", "mask-bits")


def packed_text(reading: str, bits: int, *, palette: bool) -> str:
    """Say that a mask may be read in two ways.

    Args:
        reading: What one of its numbers may mean.
        bits: Of a number.
        palette: Whether it holds indices of a palette of greys.
    """
    held = "a palette of greys" if palette else f"{bits} bit{'s' * (bits > 1)} a pixel"
    return f"has {held}, other masks greys of another number of bits, so that its ids are not certain: {reading}"
