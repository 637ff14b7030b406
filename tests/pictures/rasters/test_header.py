"""Which TIFF files are rasters."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.pictures.rasters import is_raster

pytest.importorskip("rasterio", reason="rasterio is not installed (extra geo)")

from tests.support.rasters import values, write_raster
from tests.support.tiffs import Tiff, tiff_bytes

PLAIN = {"crs": None, "transform": None}


@pytest.mark.parametrize(
    ("bands", "dtype", "options", "raster"),
    [
        (3, "uint8", {}, True),
        (3, "uint8", {"bigtiff": "YES"}, True),
        (3, "uint8", {"endianness": "BIG"}, True),
        (3, "uint8", PLAIN, False),
        (1, "uint8", PLAIN, False),
        (1, "uint16", PLAIN, False),
        (4, "uint8", PLAIN, False),
        (2, "uint8", PLAIN, True),
        (5, "uint8", {**PLAIN, "bigtiff": "YES"}, True),
        (3, "uint16", PLAIN, True),
        (3, "uint16", {**PLAIN, "photometric": "RGB"}, False),
        (1, "float32", PLAIN, True),
    ],
)
def test_georeferenced_and_uncommon_tiffs_are_rasters(
    bands: int, dtype: str, options: dict[str, object], raster: bool, tmp_path: Path
) -> None:
    path = write_raster(tmp_path / "a.tif", values(bands, (40, 48), dtype), **options)
    assert is_raster(path) is raster


@pytest.mark.parametrize(
    "page",
    [
        Tiff(np.zeros((4, 6, 3), np.uint16), 2, orientation=6),
        Tiff(np.zeros((4, 6), np.float32), orientation=3),
        Tiff(np.zeros((4, 6, 4), np.uint16), 5),
        Tiff(np.zeros((4, 6, 3), np.uint16), 8),
    ],
    ids=["turned", "turned, of floats", "CMYK", "Lab"],
)
def test_turned_and_printed_photographs_are_no_rasters_without_a_georeference(page: Tiff, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(tiff_bytes(page))
    assert not is_raster(path)
    (tmp_path / "a.tfw").write_text("1\n0\n0\n-1\n0\n0\n")
    assert is_raster(path)


def test_a_world_file_beside_it_makes_a_raster(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", values(3, (40, 48)), **PLAIN)
    (tmp_path / "a.tfw").write_text("1\n0\n0\n-1\n0\n0\n")
    assert is_raster(path)


def test_more_pixels_than_a_picture_may_have_make_a_raster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_raster(tmp_path / "a.tif", values(3, (40, 48)), **PLAIN)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 800)
    assert is_raster(path)


def test_what_is_no_tiff_or_damaged_is_no_raster(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "a.png")
    whole = write_raster(tmp_path / "whole.tif", values(3, (40, 48))).read_bytes()
    for name, content in (("empty", b""), ("cut", whole[:9]), ("text", b"II*\0 and more"), ("other", b"MM\0+" * 9)):
        (tmp_path / f"{name}.tif").write_bytes(content)
        assert not is_raster(tmp_path / f"{name}.tif")
    assert not is_raster(tmp_path / "a.png") and not is_raster(tmp_path / "none.tif")
