"""How light a raster's values are: which one is white, which way they go, and what shows through them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LOOKED_AT = 256
"""Height and width of the parts of a raster in which a band of opacity is looked at, three by three of them."""
_TRANSPARENT = 0.5
"""As of `pictures.numbers`: from this share of its pixels on that are clear or opaque, it is believed to be one."""


def white_of(dataset: Any, band: int) -> int | None:
    """Return the largest value of as many bits as a band stores (NBITS 12: 4095); None above 16 bits or with a sign.

    Args:
        dataset: rasterio's dataset.
        band: The band's number.
    """
    kind = np.dtype(dataset.dtypes[band - 1])
    if kind not in (np.dtype(np.uint8), np.dtype(np.uint16)):
        return None
    stored = dataset.tags(band, ns="IMAGE_STRUCTURE").get("NBITS", "")
    most = 8 * kind.itemsize
    return (1 << (min(int(stored), most) if stored.isdigit() else most)) - 1


def white_is_zero(dataset: Any) -> bool:
    """Return whether 0 is white (photometric interpretation 0), as of scans and faxes."""
    return str(dataset.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE")) == "YES"


def is_opacity(dataset: Any, band: int, white: int) -> bool:
    """Return whether a band that is said to be opacity is it, which near infrared, often called so, is not.

    Args:
        dataset: rasterio's dataset.
        band: The band's number.
        white: Its value for opaque.

    Raises:
        RasterioError: It is damaged.
    """
    ends, count = 0, 0
    for window in _parts(dataset):
        values = np.asarray(dataset.read(band, window=window))
        ends, count = ends + int(((values == 0) | (values == white)).sum()), count + values.size
    return ends >= _TRANSPARENT * count


def _parts(dataset: Any) -> Iterator[Any]:
    """Some windows, spread over a raster; all of a small one."""
    from rasterio.windows import Window

    rows, columns = ((_places(length)) for length in (dataset.height, dataset.width))
    for top, height in rows:
        for left, width in columns:
            yield Window(left, top, width, height)


def _places(length: int) -> list[tuple[int, int]]:
    """Starts and lengths of three parts of a side; the whole side where they would cover it."""
    if length <= 3 * _LOOKED_AT:
        return [(0, length)]
    return [(start, _LOOKED_AT) for start in (0, (length - _LOOKED_AT) // 2, length - _LOOKED_AT)]


def over_white(image: NDArray[np.uint8], opacity: NDArray[Any], white: int) -> NDArray[np.uint8]:
    """Lay pixels over white, as `read_picture` does.

    Args:
        image: (channels, H, W).
        opacity: (H, W), 0 where white shows through.
        white: The value that is opaque.
    """
    if (opacity == white).all():
        return image
    share = ((opacity.astype(np.uint32) * 255 + white // 2) // white) / np.float32(255)
    laid: NDArray[np.uint8] = (image * share + 255 * (1 - share) + 0.5).clip(0, 255).astype(np.uint8)
    return laid
