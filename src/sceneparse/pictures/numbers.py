"""Numbers of more than 8 bits, or of more bands than colours have, and the bytes that they become."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.arguments import argument
from sceneparse.errors import counted
from sceneparse.pictures.problems import PictureError
from sceneparse.pictures.tiff import palette_of, stored_numbers
from sceneparse.pictures.tiff_tags import INKS, RGB, WHITE_IS_ZERO, Directory
from sceneparse.settings.ranges import ValueRange, pairs_of

_TRANSPARENT = 0.5
"""From this share of pixels on that are all clear or all opaque, a band that a TIFF calls transparency is believed to
be it. Real transparency is mostly one or the other; near infrared, which GDAL's default calls alpha, is neither."""


@dataclass(frozen=True)
class Numbers:
    """A picture's numbers as its file stores them.

    Args:
        values: (H, W, bands), not turned yet; nothing but the shape if only the header was read.
        white: The number that stands for full light, where that is certain: 255, 4095, 65535. None: not certain.
        color: Whether the file says that the first three bands are red, green and blue.
        alpha: The band that is transparency; None if none is.
        premultiplied: Whether colours are multiplied by their transparency.
        inverted: Whether 0 is white.
        nodata: The number that stands for no data.
        palette: (N, 3) colours that the only band's numbers stand for.
        inks: Whether the bands are no light that adds up: CMYK, YCbCr or Lab.
        order: The numbers in the file, from 1, of the bands, where these were put into another order: red, green and
            blue first.
    """

    values: NDArray[Any]
    white: int | None = None
    color: bool = False
    alpha: int | None = None
    premultiplied: bool = False
    inverted: bool = False
    nodata: float | None = None
    palette: NDArray[np.uint8] | None = None
    inks: bool = False
    order: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{counted(self.values.shape[2], 'band')} of {self.values.dtype}"

    @classmethod
    def of_tiff(cls, file: IO[bytes], directory: Directory, *, pixels: bool = True) -> Numbers:
        """Read the numbers of a TIFF; see `stored_numbers`."""
        shape = (*directory.size, directory.bands)
        values = stored_numbers(file, directory) if pixels else np.broadcast_to(np.uint8(0), shape)
        colors = 3 if directory.photometric == RGB else 1
        # What bands a TIFF says something of come after those of its colours.
        named = dict(enumerate(directory.extra, max(colors, directory.bands - len(directory.extra))))
        # Of near infrared as a fourth band GDAL's tag says transparency, and its metadata what it is.
        said = directory.meanings
        clear = [band for band, kind in named.items() if kind in (1, 2) and said.get(band, "alpha") == "alpha"]
        order = directory.order
        if order and pixels:
            values = values[..., list(order)]
        return cls(
            values,
            white=(1 << directory.bits) - 1 if directory.sample_format == "u" and directory.bits <= 16 else None,
            color=colors == 3 or bool(order),
            alpha=None if not clear else order.index(clear[0]) if order else clear[0],
            premultiplied=bool(clear) and named[clear[0]] == 1,
            inverted=directory.photometric == WHITE_IS_ZERO,
            nodata=directory.nodata,
            palette=palette_of(directory),
            inks=directory.photometric in INKS,
            order=tuple(band + 1 for band in order) if order != tuple(sorted(order)) else (),
        )

    def with_clear(self, clear: int) -> Numbers:
        """Return the same grey with a band of transparency, of which one of its numbers is the clear one."""
        assert self.white is not None
        alpha = np.where(self.values == clear, 0, self.white).astype(self.values.dtype)
        return replace(self, values=np.concatenate((self.values, alpha), axis=2), alpha=self.values.shape[2])

    def extremes(self) -> tuple[float, float] | None:
        """Return the lowest and the highest number that are data; None if there is none, or of a palette."""
        if self.palette is not None:
            return None
        values, data = self.data()
        found = values[data]
        return (float(found.min()), float(found.max())) if found.size else None

    def data(self) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the numbers without the band of transparency, (H, W, bands), and where these are data."""
        values = self.values[..., [band for band in range(self.values.shape[2]) if band != self.alpha]]
        nothing = self._nothing(values)
        return values, np.ones(values.shape, np.bool_) if nothing is None else ~nothing

    def _nothing(self, values: NDArray[Any]) -> NDArray[np.bool_] | None:
        """Where numbers are no data, or None if all are."""
        found = np.isnan(values) if values.dtype.kind == "f" else None
        if self.nodata is not None and not math.isnan(self.nodata):
            # As a number of the same type: -3.4e38 is written in more digits than 32 bits hold.
            given = np.float32(self.nodata) if values.dtype == np.float32 else self.nodata
            found = values == given if found is None else found | (values == given)
        return found if found is not None and found.any() else None

    def bytes_of(self, channels: int, value_range: ValueRange | None, where: str) -> NDArray[np.uint8]:
        """Return (H, W, channels) uint8, of colours or grey (channels 3 or 1) maybe (H, W, 1) or (H, W, 3).

        Args:
            channels: Wanted number of channels.
            value_range: The numbers that become 0 and 255, one pair for all bands or one for each. None: the whole
                range of the type.
            where: How messages name the file.

        Raises:
            PictureError: Other bands than wanted, another number of ranges than of bands, or numbers without a certain
                range where none is given.
        """
        bands = self.values.shape[2]
        if self.palette is not None:
            palette = np.zeros((65536, 3), np.uint8)
            palette[: len(self.palette)] = self.palette
            return palette[self.values[..., 0]]
        if channels not in (1, 3):
            if bands != channels:
                raise self._other_bands(bands, channels, where)
            return self._scaled(self.values, value_range, where)
        if self.inks:
            raise PictureError(
                f"{where}: {self} hold CMYK, YCbCr or Lab, which is not turned into RGB in this form; save it as RGB",
                "form",
            )
        own = bands - (self.alpha is not None)
        count = 3 if self.color and own >= 3 else own
        if count not in (1, 3):
            raise self._other_bands(own, channels, where)
        chosen = [band for band in range(bands) if band != self.alpha][:count]
        values = self.values if count == bands else self.values[..., chosen]
        shown = self._scaled(values, value_range, where)
        return shown if self.alpha is None else self._over_white(shown, where)

    def _other_bands(self, bands: int, channels: int, where: str) -> PictureError:
        kind = self.values.dtype
        return PictureError(
            f"{where}: has {counted(bands, 'channel')} ({kind}), but {channels} {'is' if channels == 1 else 'are'} "
            "wanted; nothing is converted between such forms: write the bands that are meant to a file of their own "
            f"(gdal_translate -b 1 -b 2 -b 3 IN OUT), or train a network of all of them (backbone.in_channels {bands})",
            "form",
        )

    def _scaled(self, values: NDArray[Any], value_range: ValueRange | None, where: str) -> NDArray[np.uint8]:
        if value_range is None or (self.white is not None and self.white <= 255):  # bytes are as they are
            shown = self._by_type(values, where)
        else:
            pairs = pairs_of(value_range)
            if len(pairs) not in (1, values.shape[2]):
                raise PictureError(
                    f"{where}: {len(pairs)} ranges for {counted(values.shape[2], 'band')}: give one for all, or one "
                    "for each",
                    "form",
                )
            # What is no number is no data.
            with np.errstate(invalid="ignore"):
                exact = values.astype(np.float32 if values.dtype.itemsize <= 4 else np.float64)
                low, high = np.array(pairs, exact.dtype).T
                share: NDArray[np.floating[Any]] = np.subtract(exact, low) / (high - low)
                shown = (np.nan_to_num(share.clip(0, 1)) * 255 + 0.5).astype(np.uint8)
        if self.inverted:
            shown = np.subtract(np.uint8(255), shown)
        nothing = self._nothing(values) if values.dtype != np.uint8 else None
        if nothing is not None:
            shown[nothing] = 0
        return shown

    def _by_type(self, values: NDArray[Any], where: str) -> NDArray[np.uint8]:
        if self.white == 255:
            return values.astype(np.uint8)
        if self.white == 65535:
            if self.color:  # as Pillow reads colour of 16 bits
                return (values >> 8).astype(np.uint8)
            return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
        if self.white is not None:
            return ((values.astype(np.uint32) * 255 + self.white // 2) // self.white).astype(np.uint8)
        kind = "floating-point" if values.dtype.kind == "f" else f"{8 * values.dtype.itemsize}-bit integer"
        raise PictureError(
            f"{where}: {kind} pixels have no fixed range to show them in; give the numbers that are black and white "
            "(data.range, such as [0, 10000], which a model keeps; to parse "
            f"{argument('with_ranges([(0, 10000)])', option='--range 0 10000')}) or convert the file to 8 or 16 bits",
            "form",
        )

    def _over_white(self, shown: NDArray[np.uint8], where: str) -> NDArray[np.uint8]:
        """Lay transparent pixels over white."""
        assert self.alpha is not None
        alpha = self.values[..., self.alpha : self.alpha + 1]
        refuse_no_transparency(alpha, self.white, where)
        share = Numbers(alpha, self.white)._by_type(alpha, where) / np.float32(255)
        colors = shown if self.premultiplied else shown * share
        laid: NDArray[np.uint8] = (colors + 255 * (1 - share) + 0.5).clip(0, 255).astype(np.uint8)
        return laid


def refuse_no_transparency(alpha: NDArray[Any], white: int | None, where: str) -> None:
    """Refuse a band that a TIFF calls transparency, but whose numbers are something else's.

    Args:
        alpha: The band.
        white: The number for opaque.
        where: How messages name the file.

    Raises:
        PictureError: Most of its pixels are neither clear nor opaque.
    """
    ends = int(((alpha == 0) | (alpha == white)).sum())
    if ends < _TRANSPARENT * alpha.size:
        raise PictureError(
            f"{where}: its last band is tagged as transparency (alpha), but {1 - ends / alpha.size:.0%} of it are "
            "neither clear nor opaque, as in a band of something else, such as near infrared; leave it out "
            "(gdal_translate -b 1 -b 2 -b 3 IN OUT) or write it without that tag (-colorinterp_4 undefined)",
            "form",
        )
