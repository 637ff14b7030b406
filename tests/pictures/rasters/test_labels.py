"""Which masks in raster files are read, and what of them is no data."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sceneparse.labels import LabelSpace
from sceneparse.pictures.decoding import PictureError
from sceneparse.pictures.masks import read_mask
from sceneparse.pictures.rasters.labels import label_nodata, read_label_window

pytest.importorskip("rasterio", reason="rasterio is not installed (extra geo)")

from tests.support.rasters import write_raster

TRUTH = (np.arange(64 * 64).reshape(64, 64) // 300 % 4).astype(np.uint8)
SMALLEST = -3.4028234663852886e38


def read(path: Path, rows: tuple[int, int] = (0, 64), columns: tuple[int, int] = (0, 64)) -> Any:
    return read_label_window(path, rows, columns)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"compress": "JPEG"}, "compressed by JPEG, which changes label values"),
        ({"compress": "LERC", "max_z_error": 1}, "compressed by LERC with MAX_Z_ERROR=1, which"),
    ],
)
def test_compressions_that_change_values_are_refused(options: dict[str, Any], says: str, tmp_path: Path) -> None:
    path = write_raster(tmp_path / "mask.tif", TRUTH[None], **options)
    with pytest.raises(PictureError, match=says) as raised:
        read(path)
    assert raised.value.problem == "jpeg-mask"


@pytest.mark.parametrize(
    "options",
    [
        {"compress": "LERC"},
        {"compress": "LERC", "max_z_error": 0.5},
        {"compress": "LERC_ZSTD"},
        {"compress": "ZSTD"},
        {"nbits": 2},
        {"photometric": "MINISWHITE"},
    ],
)
def test_compressions_that_keep_values_are_read(options: dict[str, Any], tmp_path: Path) -> None:
    path = write_raster(tmp_path / "mask.tif", TRUTH[None], **options)
    assert np.array_equal(read(path).values, TRUTH)


def test_several_pages_are_refused_but_overviews_are_none(tmp_path: Path) -> None:
    import rasterio

    pages = tmp_path / "pages.tif"
    Image.fromarray(TRUTH).save(pages, save_all=True, append_images=[Image.fromarray(TRUTH)])
    with pytest.raises(PictureError, match=r"holds several pages.*gdal_translate GTIFF_DIR:1:IN OUT") as raised:
        read(pages)
    assert raised.value.problem == "mask-pages"
    path = write_raster(tmp_path / "mask.tif", TRUTH[None])
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2, 4])
    assert np.array_equal(read(path).values, TRUTH)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_is_turned_as_its_tag_says(orientation: int, tmp_path: Path) -> None:
    path = tmp_path / "mask.tif"
    Image.fromarray(TRUTH[:40]).save(path, tiffinfo={274: orientation})
    upright = read_mask(path, LabelSpace(tuple("abcd"))).numpy()
    found = read(path, (3, 30), (5, 33))
    assert np.array_equal(found.values, upright[3:30, 5:33]) and found.grid.size == upright.shape


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize(
    ("dtype", "gap", "nodata"),
    [
        ("float32", SMALLEST, SMALLEST),
        ("float32", SMALLEST, -3.40282e38),
        ("float64", SMALLEST, SMALLEST),
        ("float32", np.inf, np.inf),
        ("float32", -np.inf, -np.inf),
        ("float32", np.nan, np.nan),
        ("float32", np.nan, None),
        ("float32", np.nan, -9999),
        ("float32", -9999, -9999),
        ("float32", 0.5, 0.5),
        ("int16", -9999, -9999),
        ("uint8", 255, 255),
    ],
)
def test_what_stands_for_no_data(dtype: str, gap: float, nodata: float | None, tmp_path: Path) -> None:
    values = np.where(TRUTH == 3, gap, TRUTH.astype(float)).astype(dtype)
    path = write_raster(tmp_path / "mask.tif", values[None], nodata=nodata)
    found = read(path)
    labels, unknown = LabelSpace(tuple("abc")).decode(found.values)
    assert np.array_equal(labels, np.where(TRUTH == 3, -1, TRUTH.astype(int)))
    assert set(unknown) <= {str(value) for value in found.nothing}
    label_nodata(path)  # whatever it is, it can be asked for


def test_what_a_mask_in_the_file_leaves_out_is_no_data(tmp_path: Path) -> None:
    import rasterio

    path = write_raster(tmp_path / "mask.tif", TRUTH[None])
    with rasterio.open(path, "r+") as dataset:
        dataset.write_mask(TRUTH != 3)
    found = read(path)
    labels, unknown = LabelSpace(tuple("abcd")).decode(found.values)
    assert np.array_equal(labels, np.where(TRUTH == 3, -1, TRUTH.astype(int)))
    assert set(unknown) <= {str(value) for value in found.nothing}


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("odd", [SMALLEST, np.inf, 0.5])
def test_numbers_that_are_no_labels_are_refused_with_what_helps(odd: float, tmp_path: Path) -> None:
    values = np.where(TRUTH == 3, odd, TRUTH.astype(float)).astype(np.float32)
    path = write_raster(tmp_path / "mask.tif", values[None])
    count = int((TRUTH == 3).sum())
    with pytest.raises(
        PictureError, match=rf"not whole numbers \(.* at {count:,} pixels\).*-a_nodata (\S+) MASK"
    ) as no:
        read(path)
    # The advice works.
    import rasterio

    advised = float(str(no.value).split("-a_nodata ")[1].split()[0])
    with rasterio.open(path, "r+") as dataset:
        dataset.nodata = advised
    assert set(np.unique(read(path).values)[1:]) == {0, 1, 2}
