"""Label values in raster files, read by windows."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sceneparse.pictures.decoding import PictureError
from sceneparse.pictures.rasters.grid import Grid, grid_of
from sceneparse.pictures.rasters.header import orientation_of
from sceneparse.pictures.rasters.raster import damage, opened
from sceneparse.pictures.turning import upright_array

_NO_NUMBER = int(np.iinfo(np.int64).min)
"""Stands for "no data" that is no whole number: NaN, infinity, the smallest of all floating-point numbers."""


class LabelWindow(NamedTuple):
    """Label values of a part of a file.

    Args:
        values: The values, whole numbers.
        nothing: Those that mean "no data".
        grid: The size of the whole file, and where it lies.
    """

    values: NDArray[Any]
    nothing: tuple[int, ...]
    grid: Grid


def label_nodata(path: Path) -> int | None:
    """Return the value of a file of labels that means "no data"; None for none, or where the file cannot be read."""
    try:
        with opened(path) as dataset:
            nothing = dataset.nodata
    except PictureError:
        return None
    return int(nothing) if nothing is not None and np.isfinite(nothing) else None


def read_label_window(path: Path, rows: tuple[int, int], columns: tuple[int, int]) -> LabelWindow:
    """Read label values from the only band of a file.

    A file with an orientation (TIFF's tag) and without a georeference is turned upright, as pictures are: rows and
    columns are those of the upright file. Pixels that are NaN have no data, whatever the file calls so.

    Args:
        path: The file.
        rows: The first row and the one after the last.
        columns: The first column and the one after the last.

    Raises:
        PictureError: Missing, damaged, of several pages, of a compression that changes values, more than one band, or
            values that are no whole numbers.
    """
    from rasterio.windows import Window

    turn = orientation_of(path)
    with opened(path) as dataset:
        _refuse_uncertain(dataset, path)
        grid = grid_of(dataset)
        if grid.transform is not None:
            turn = 1  # it lies where its georeference says
        window = Window.from_slices(rows, columns, boundless=False) if turn == 1 else None
        with damage(path, "its labels cannot be read"):
            values = np.asarray(dataset.read(1, window=window))
            gaps = _masked(dataset, window)
        nothing = dataset.nodata
    known = () if nothing is None or not np.isfinite(nothing) else (int(nothing),)
    if values.dtype.kind == "f":
        values, known = _whole_numbers(values, nothing, path), (*known, _NO_NUMBER)
    if gaps is not None:
        values, known = np.where(gaps, _NO_NUMBER, values.astype(np.int64)), (*known, _NO_NUMBER)
    if turn > 1:
        upright = upright_array(values, turn)
        grid = grid._replace(size=(upright.shape[0], upright.shape[1]))
        values = np.ascontiguousarray(upright[slice(*rows), slice(*columns)])
    return LabelWindow(values, known, grid)


def _masked(dataset: Any, window: Any) -> NDArray[np.bool_] | None:
    """Return where a mask in the file, or beside it, says that there is no data; None where there is no such mask."""
    from rasterio.enums import MaskFlags

    if MaskFlags.per_dataset not in dataset.mask_flag_enums[0]:
        return None
    return np.asarray(dataset.read_masks(1, window=window)) == 0


def _whole_numbers(values: NDArray[Any], nothing: float | None, path: Path) -> NDArray[np.int64]:
    gaps = np.isnan(values)
    if nothing is not None and not np.isnan(nothing) and not float(nothing).is_integer():
        gaps |= values == values.dtype.type(nothing)
    elif nothing is not None and abs(nothing) > 2**62:
        # Programs write the smallest number of 32 bits, -3.4e38, in more or fewer digits.
        gaps |= np.isclose(values, nothing, rtol=1e-5, atol=0)
    rest = np.where(gaps, 0, values)
    odd = rest[(np.rint(rest) != rest) | (np.abs(rest) > 2**62)]
    if odd.size:
        raise PictureError(
            f"{path}: values that are not whole numbers ({odd.flat[0]:.6g} at {odd.size:,} pixels) are no labels; if "
            f"these have no data, say so in the file (gdal_edit.py -a_nodata {odd.flat[0]:.9g} MASK)",
            "values",
        )
    whole: NDArray[np.int64] = rest.astype(np.int64)
    whole[gaps] = _NO_NUMBER
    return whole


def _refuse_uncertain(dataset: Any, path: Path) -> None:
    """Refuse files whose values may not be those that were drawn, as `stored_mask` does."""
    if dataset.count != 1:
        raise PictureError(f"{path}: has {dataset.count} bands, but a mask has one, whose values are ids", "form")
    if dataset.subdatasets:
        raise PictureError(
            f"{path}: holds several pages, and which of them is the mask is not certain; save that one alone "
            f"(gdal_translate GTIFF_DIR:1:IN OUT.tif)",
            "mask-pages",
        )
    if lossy := _lossy_form(dataset):
        raise PictureError(
            f"{path}: a mask cannot be compressed by {lossy}, which changes label values; export the masks anew from "
            "their source, such as with COMPRESS=DEFLATE (converting this file would keep the damage)",
            "jpeg-mask",
        )


def _lossy_form(dataset: Any) -> str:
    """The compression of a file, where it changes values; empty where it doesn't."""
    facts = dataset.tags(ns="IMAGE_STRUCTURE")
    name = str(facts.get("COMPRESSION", ""))
    kept = str(facts.get("COMPRESSION_REVERSIBILITY", ""))
    if kept:  # of WebP, JPEG XL and JPEG 2000, which have both forms
        return "" if kept.startswith("LOSSLESS") else name
    if "JPEG" in name:
        return name
    error = float(facts.get("MAX_Z_ERROR") or 0)
    # Below 1, whole numbers are kept.
    changes = error > 0 if np.dtype(dataset.dtypes[0]).kind == "f" else error >= 1
    return f"{name} with MAX_Z_ERROR={error:g}" if changes else ""
