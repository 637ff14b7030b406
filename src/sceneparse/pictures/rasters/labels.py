"""Label values in raster files, read by windows."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sceneparse.pictures.decoding import PictureError
from sceneparse.pictures.rasters.grid import Grid, grid_of
from sceneparse.pictures.rasters.raster import damage, opened


class LabelWindow(NamedTuple):
    """Label values of a part of a file.

    Args:
        values: The values.
        nothing: The value that means "no data"; None for none.
        grid: The size of the whole file, and where it lies.
    """

    values: NDArray[Any]
    nothing: int | None
    grid: Grid


def label_nodata(path: Path) -> int | None:
    """Return the value of a file of labels that means "no data"; None for none, or where the file cannot be read."""
    try:
        with opened(path) as dataset:
            nothing = dataset.nodata
    except PictureError:
        return None
    return None if nothing is None or nothing != nothing else int(nothing)


def read_label_window(path: Path, rows: tuple[int, int], columns: tuple[int, int]) -> LabelWindow:
    """Read label values from the only band of a file.

    Args:
        path: The file.
        rows: The first row and the one after the last.
        columns: The first column and the one after the last.

    Raises:
        PictureError: Missing, damaged, more than one band, or values that are no whole numbers.
    """
    from rasterio.windows import Window

    with opened(path) as dataset:
        if dataset.count != 1:
            raise PictureError(f"{path}: has {dataset.count} bands, but a mask has one, whose values are ids", "form")
        grid = grid_of(dataset)
        with damage(path, "its labels cannot be read"):
            values = np.asarray(dataset.read(1, window=Window.from_slices(rows, columns, boundless=False)))
        nothing = dataset.nodata
    if values.dtype.kind == "f":
        whole = np.rint(np.nan_to_num(values, nan=-1.0)).astype(np.int64)
        if not np.array_equal(whole, np.nan_to_num(values, nan=-1.0)):
            raise PictureError(f"{path}: values that are not whole numbers are no labels", "values")
        if nothing is not None and np.isnan(nothing):
            nothing = -1
        values = whole
    return LabelWindow(values, None if nothing is None else int(nothing), grid)
