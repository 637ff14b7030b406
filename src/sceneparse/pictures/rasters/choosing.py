"""Which of a raster's bands are the channels of the picture, where nothing may be guessed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sceneparse.arguments import argument
from sceneparse.errors import counted
from sceneparse.pictures.decoding import PictureError
from sceneparse.pictures.tiff_tags import COLORS, colors_first


class BandChoice(NamedTuple):
    """The bands that are read.

    Args:
        bands: Their numbers, from 1.
        mask: The band that says where there is data (how opaque a pixel is); 0 for a mask beside the bands; None if
            there is neither.
        palette: (channels, values) colours or their brightness, where the only band holds their numbers.
        repeat: How often each band is a channel: grey gives three.
        luma: Whether the one channel is the brightness of the three bands.
    """

    bands: tuple[int, ...]
    mask: int | None
    palette: NDArray[np.uint8] | None = None
    repeat: int = 1
    luma: bool = False


def chosen_bands(
    dataset: Any, path: Path, channels: int, wanted: Sequence[int], *, pictures: bool = False
) -> BandChoice:
    """Choose the bands of a raster.

    Without a choice of the user's these are all bands, or all but the one that says how opaque a pixel is, red, green
    and blue first of a file that names them; these three alone, for three channels; the colours of a palette, or their
    brightness for one channel; or grey, three times.

    Args:
        dataset: rasterio's dataset.
        path: The file, for messages.
        channels: How many channels the picture shall have.
        wanted: The user's choice.
        pictures: As of `BandForm`: one channel is then the brightness of red, green and blue, as `read_picture` has it.

    Raises:
        PictureError: Bands that there are not, too few, or more than one way to choose.
    """
    from rasterio.enums import ColorInterp, MaskFlags

    meanings, count = list(dataset.colorinterp), int(dataset.count)
    opacity = next((number for number, one in enumerate(meanings, 1) if one == ColorInterp.alpha), None)
    beside = 0 if MaskFlags.per_dataset in dataset.mask_flag_enums[0] and opacity is None else None
    has, takes = counted(count, "band"), counted(channels, "channel")

    def choice(bands: Sequence[int], **options: Any) -> BandChoice:
        mask = opacity if opacity is not None and opacity not in bands else beside
        return BandChoice(tuple(bands), mask, **options)

    if wanted:
        if missing := [band for band in wanted if band > count]:
            raise PictureError(f"{path}: has {has}, so there is no band {missing[0]}", "form")
        if len(wanted) != channels:
            raise PictureError(
                f"{path}: {counted(len(wanted), 'band')} chosen, but the model takes {takes}: name {channels}", "form"
            )
        return choice(wanted)
    if count == 1 and channels in (1, 3) and meanings[0] == ColorInterp.palette:
        return choice((1,), palette=_palette(dataset, channels))
    names = [str(one.name) for one in meanings]
    ordered = [band + 1 for band in colors_first(names)]
    colored = all(names.count(color) == 1 for color in COLORS)
    if colored and (channels == 3 or (channels == 1 and pictures)):
        return choice(ordered[:3], luma=channels == 1)
    if count == channels:
        return choice(ordered)
    if count == channels + 1 and opacity is not None:
        return choice([band for band in ordered if band != opacity])
    if channels == 3 and (count == 1 or (count == 2 and opacity == 2)):
        return choice((1,), repeat=3)
    if count < channels:
        raise PictureError(f"{path}: has {has}, but the model takes {takes}: give a raster that has as many", "form")
    numbers = list(range(1, channels + 1))
    raise PictureError(
        f"{path}: has {has}, but the model takes {takes}: say which bands these are "
        f"({argument('bands', numbers)}; of a data set {argument('data.options.bands', numbers)}), or train a network "
        f"of all of them ({argument('backbone.in_channels', count)})",
        "form",
    )


def _palette(dataset: Any, channels: int) -> NDArray[np.uint8]:
    """Return the colours, (3, 256 or 65536), or their brightness, (1, …)."""
    colors = np.zeros((2 ** (8 * np.dtype(dataset.dtypes[0]).itemsize), 3), np.uint8)
    for value, color in dataset.colormap(1).items():
        colors[value] = color[:3]
    return luma_of(colors.T) if channels == 1 else colors.T.copy()


def luma_of(colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the brightness (1, …) of colours (3, …): ITU-R 601, rounded as Pillow does it."""
    shares = np.array((19595, 38470, 7471), np.uint32)
    return ((np.tensordot(shares, colors.astype(np.uint32), 1) + 0x8000) >> 16).astype(np.uint8)[None]
