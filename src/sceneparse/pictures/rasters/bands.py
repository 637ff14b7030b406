"""Which bands of a raster are the channels of the picture, and which byte each of their values becomes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.errors import counted, require

Range = tuple[float, float]


@dataclass(frozen=True)
class BandForm:
    """How a raster becomes a picture.

    Args:
        bands: Numbers of the bands, from 1, in the order of the channels. Empty: those that fit the model without
            doubt (`chosen_bands`).
        ranges: The value that becomes 0 and the one that becomes 255: one pair for all bands or one for each. Empty: 0
            and the largest of as many bits as a value has, for bands of up to 16 bits without a sign.
        deep_ranges: The same where `ranges` is empty, of bands that have a value above 255: what `data.range` says of
            pictures.
        pictures: Whether pixels without data are those of `read_picture`, for models that were trained on pictures:
            what is transparent is laid over white, and bytes that stand for no data and what lies beside a mask stay.
            Else they are 0.

    Raises:
        UserError: A band below 1, a range that is empty or not finite, or another number of ranges than of bands.
    """

    bands: tuple[int, ...] = ()
    ranges: tuple[Range, ...] = ()
    deep_ranges: tuple[Range, ...] = ()
    pictures: bool = False

    def __post_init__(self) -> None:
        for band in self.bands:
            require(band >= 1, f"band {band} is none: bands are counted from 1")
        for low, high in (*self.ranges, *self.deep_ranges):
            require(
                bool(np.isfinite([low, high]).all()) and low < high,
                f"the range {low:g} to {high:g} is none: give the value that becomes black, then a larger one that "
                "becomes white",
            )
        require(
            len(self.ranges) <= 1 or not self.bands or len(self.ranges) == len(self.bands),
            f"{len(self.ranges)} ranges for {counted(len(self.bands), 'band')}: give one for all, or one for each",
        )

    def resolved(self, bands: Sequence[int], white: int | None) -> "BandForm":
        """Return the form of one file.

        Args:
            bands: Its bands.
            white: The largest value that they may have; None where no type's range is taken.

        Raises:
            UserError: Another number of ranges than of bands.
        """
        bytes_alone = white is not None and white <= 255
        return BandForm(tuple(bands), self.ranges or (() if bytes_alone else self.deep_ranges), pictures=self.pictures)

    @cached_property
    def _each(self) -> tuple[Range | None, ...]:
        """The range of each band; None where the type's own is meant."""
        if not self.ranges:
            return (None,) * len(self.bands)
        return self.ranges * len(self.bands) if len(self.ranges) == 1 else self.ranges

    def bytes_of(self, values: NDArray[Any], white: int | None = None) -> NDArray[np.uint8]:
        """Map values to bytes: 255 · (value − low) / (high − low), rounded and cut off at both ends; NaN becomes 0.

        Without a range `white` becomes 255, as `read_picture` does it: 8 bits stay as they are, 16 are divided by 257.

        Args:
            values: (bands, H, W) of the raster's type.
            white: The largest value of as many bits as the file stores. Default: the type's.
        """
        if values.dtype == np.uint8 and not self.ranges and white in (None, 255):
            return values
        result = np.empty(values.shape, np.uint8)
        for band, limits, into in zip(values, self._each, result, strict=True):
            if values.dtype in (np.uint8, np.uint16, np.int16):
                np.take(_table(values.dtype, limits, white), band.view(f"u{band.itemsize}"), out=into, mode="clip")
            else:
                into[:] = _stretched(band, limits)
        return result


def needs_range(dtype: Any) -> bool:
    """Return whether bands of this type have no range of their own that pictures would make use of."""
    return np.dtype(dtype) not in (np.dtype(np.uint8), np.dtype(np.uint16))


def _table(dtype: Any, limits: Range | None, white: int | None) -> NDArray[np.uint8]:
    """Return the byte of each value of an integer type, by its bits read as a number without a sign."""
    bits = np.arange(2 ** (8 * np.dtype(dtype).itemsize), dtype=np.uint32)
    if limits is None:
        top = white or len(bits) - 1
        return ((bits.clip(max=top) * 255 + top // 2) // top).astype(np.uint8)
    return _stretched(bits.astype(f"u{np.dtype(dtype).itemsize}").view(dtype), limits)


def _stretched(values: NDArray[Any], limits: Range | None) -> NDArray[np.uint8]:
    assert limits is not None  # `Raster.open` has refused types without a range
    low, high = limits
    kind = np.float64 if values.dtype.itemsize > 4 or values.dtype.kind in "iu" else np.float32
    shares: NDArray[Any] = np.subtract(values, low, dtype=kind) / kind(high - low)
    return np.rint(255 * np.nan_to_num(shares, nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1)).astype(np.uint8)
