"""A raster as one picture, for whoever holds a file or its content and wants all of it at once."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneparse.pictures.decoding import PictureError
from sceneparse.pictures.headers import Header
from sceneparse.pictures.problems import described
from sceneparse.pictures.rasters.bands import BandForm
from sceneparse.pictures.rasters.raster import Raster


class WholeRaster(NamedTuple):
    """All of a raster.

    Args:
        image: The picture that a network takes, (channels, H, W); 0 where there is no data.
        valid: As of `Pixels`: (H, W), where there is data; None if that is so everywhere.
        reordered: As of `Raster`.
        largest: The largest value, where the type's own range was taken; else 0.
        full_scale: As of `Raster`.
        ranges: The ranges that were given; empty where the type's own was taken.
        extremes: As of `Pixels`: of values that are more than bytes.
        inverted: As of `Raster`.
    """

    image: NDArray[np.uint8]
    valid: NDArray[np.bool_] | None
    reordered: tuple[int, ...]
    largest: int
    full_scale: int
    ranges: tuple[tuple[float, float], ...]
    extremes: tuple[int, int] | None
    inverted: bool


def read_whole_raster(source: Path | bytes, channels: int, form: BandForm, header: Header | None = None) -> WholeRaster:
    """Read all of a raster.

    Args:
        source: A TIFF file, or its content.
        channels: How many channels the picture shall have.
        form: Which bands these are, and their ranges.
        header: What the file must be, as `decode` takes it.

    Raises:
        PictureError: As `Raster`, another one than the header's, or of more pixels than a picture may have.
    """
    if isinstance(source, bytes):
        with TemporaryDirectory() as folder:
            file = Path(folder) / "raster.tif"
            file.write_bytes(source)
            try:
                return read_whole_raster(file, channels, form, header)
            except PictureError as error:
                raise PictureError(str(error).replace(str(file), described(source)), error.problem) from None
    limit = 2 * (Image.MAX_IMAGE_PIXELS or 2**62)
    with Raster(source, channels, form) as raster:
        if header is not None:
            header.refuse_other(source, "TIFF", (raster.height, raster.width))
        if raster.height * raster.width > limit:
            raise PictureError(
                f"{source}: {raster.width:,}×{raster.height:,} pixels, but no more than {limit:,} are read at once; "
                "parse it by windows: sceneparse predict MODEL FILE, or predict_rasters in Python",
                "too-large",
            )
        pixels = raster.read((0, raster.height), (0, raster.width))
        return WholeRaster(
            np.ascontiguousarray(pixels.image),
            pixels.valid,
            raster.reordered,
            pixels.largest,
            raster.full_scale,
            raster.form.ranges,
            pixels.extremes,
            raster.inverted,
        )
