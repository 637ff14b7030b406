"""A raster of labels on the grid of another raster, written by windows; whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.files import whole_file
from sceneparse.labels import IGNORE, LabelSpace
from sceneparse.pictures.rasters import Raster

OVERVIEW_SIDE = 256
"""Overviews are halved until no side is longer."""


class LabelCode:
    """Which value each class has in the raster, and which one means that there is no data.

    That is a value by which the label space says "unlabelled", the raster's own one if it is among them; of a space
    without any, the raster's own value if no class has it, else the largest that is free.

    Args:
        space: The classes.
        nodata: The value that means "no data" in the raster that was parsed; None for none.

    Attributes:
        nodata: The value of pixels without a class.
        dtype: uint8, or uint16 where a value is above 255.
    """

    def __init__(self, space: LabelSpace, nodata: float | None) -> None:
        used = set(space.ids)
        largest = 255 if max(used) <= 255 and len(used) <= 255 else 65535
        own = int(nodata) if nodata is not None and np.isfinite(nodata) and float(nodata).is_integer() else None
        if own is not None and own in space.ignore_written:
            self.nodata = own
        elif space.ignore_written:
            self.nodata = space.ignore_written[0]
        elif own is not None and 0 <= own <= largest and own not in used:
            self.nodata = own
        else:
            self.nodata = next(value for value in range(largest, -1, -1) if value not in used)
        self.dtype = np.dtype(np.uint8 if max(*used, self.nodata) <= 255 else np.uint16)
        # The entry after the last class is the one that IGNORE picks.
        self._table = np.array([*space.ids, self.nodata], self.dtype)
        assert IGNORE == -1

    def encode(self, labels: NDArray[np.int16]) -> NDArray[Any]:
        """Translate class indices into values."""
        return self._table[labels]


class LabelWriter:
    """A raster of labels that is being written; rows come from the top down, for some columns after the other.

    Args:
        dataset: rasterio's dataset, open for writing.
    """

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    def write(self, values: NDArray[Any], top: int, left: int) -> None:
        """Write values at a row and a column.

        Raises:
            OSError: The disk refuses.
        """
        from rasterio.windows import Window

        with _disk():
            self._dataset.write(values, 1, window=Window(left, top, values.shape[1], values.shape[0]))


@contextmanager
def label_raster(path: Path, like: Raster, space: LabelSpace, code: LabelCode) -> Iterator[LabelWriter]:
    """Open a raster of labels for writing; on a clean exit it appears whole.

    It has the other raster's size, georeference (transform, ground control points, rational polynomial coefficients,
    projection, whether a pixel is an area or a point) and layout of blocks, one band of 8 or 16 bits, packed by
    DEFLATE, and overviews inside the file. Colours are in a colour table, names in the band's metadata (CLASS_<id>).

    Args:
        path: The file, NAME.tif.
        like: The raster that was parsed.
        space: The classes.
        code: Their values.

    Raises:
        OSError: The disk refuses.
    """
    import rasterio

    with whole_file(path) as temporary:
        with _disk():
            dataset = rasterio.open(temporary, "w", **_profile(like, code))
        try:
            with _disk():
                _describe(dataset, like, space, code)
            yield LabelWriter(dataset)
        except BaseException:
            _abandon(dataset)
            raise
        with _disk():
            dataset.close()
            _verify(temporary)
            _add_overviews(temporary)


def _profile(like: Raster, code: LabelCode) -> dict[str, Any]:
    source = like.dataset
    points, projection = source.gcps
    profile = {
        "driver": "GTiff",
        "width": like.width,
        "height": like.height,
        "count": 1,
        "dtype": code.dtype.name,
        "nodata": code.nodata,
        "compress": "deflate",
        "bigtiff": "IF_SAFER",
        "blockysize": like.block[0],
        # Without this a file without a projection would get GDAL's guess of a transform.
        **({"gcps": points, "crs": projection} if points else {"transform": source.transform, "crs": source.crs}),
    }
    return profile | ({"tiled": True, "blockxsize": like.block[1]} if like.tiled else {})


def _describe(dataset: Any, like: Raster, space: LabelSpace, code: LabelCode) -> None:
    source = like.dataset
    if source.rpcs is not None:
        dataset.rpcs = source.rpcs
    tags = source.tags()
    if "AREA_OR_POINT" in tags:
        dataset.update_tags(AREA_OR_POINT=tags["AREA_OR_POINT"])
    dataset.set_band_description(1, "classes")
    dataset.update_tags(1, **{f"CLASS_{number}": name for number, name in zip(space.ids, space.names, strict=True)})
    if code.dtype == np.uint8:
        colors = {number: (*color, 255) for number, color in zip(space.ids, space.colors, strict=True)}
        dataset.write_colormap(1, {**colors, code.nodata: (0, 0, 0, 0)})


def _abandon(dataset: Any) -> None:
    """Close a file that is thrown away, whatever the disk says."""
    from rasterio.errors import RasterioError

    try:
        dataset.close()
    except (RasterioError, OSError):
        return


def _verify(path: Path) -> None:
    """Refuse a file whose blocks are not all on the disk: GDAL tells of a full disk in some of its calls only."""
    import rasterio

    size = path.stat().st_size
    with rasterio.open(path) as dataset:
        tall, wide = dataset.block_shapes[0]
        for row in range(-(-dataset.height // tall)):
            for column in range(-(-dataset.width // wide)):
                name = f"{column}_{row}"
                offset = dataset.get_tag_item(f"BLOCK_OFFSET_{name}", "TIFF", bidx=1)
                length = dataset.get_tag_item(f"BLOCK_SIZE_{name}", "TIFF", bidx=1)
                if offset is None or length is None or int(offset) + int(length) > size:
                    raise OSError("the disk has not taken all of it: it may be full")


def _add_overviews(path: Path) -> None:
    """Add halves, quarters, … of the file, down to `OVERVIEW_SIDE`: viewers need them to show a large file at once."""
    import rasterio
    from rasterio.enums import Resampling

    with rasterio.open(path, "r+") as dataset:
        factors = [2]
        while max(dataset.height, dataset.width) > OVERVIEW_SIDE * factors[-1]:
            factors.append(2 * factors[-1])
        if max(dataset.height, dataset.width) > OVERVIEW_SIDE:
            # The nearest pixel: whatever mixes them makes classes of its own.
            dataset.build_overviews(factors, Resampling.nearest)


@contextmanager
def _disk() -> Iterator[None]:
    """Raise what GDAL says of a disk as `OSError`, as Python does."""
    from rasterio.errors import RasterioError

    try:
        yield
    except RasterioError as error:
        deepest: BaseException = error
        while deepest.__cause__ is not None:
            deepest = deepest.__cause__
        raise OSError(" ".join(str(deepest).split())) from None
