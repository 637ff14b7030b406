"""What a raster's bands become."""

import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sceneparse.errors import UserError
from sceneparse.pictures.decoding import PictureError
from sceneparse.pictures.rasters import BandForm, Raster, installed

rasterio = pytest.importorskip("rasterio", reason="rasterio is not installed (extra geo)")

from tests.support.rasters import values, write_raster  # noqa: E402


def test_ranges_are_spread_over_bytes_and_cut_off() -> None:
    form = BandForm((1, 2), ((0, 100), (-50, 50)))
    for dtype in ("int16", "float32", "float64", "int32"):
        found = form.bytes_of(np.array([[[0, 50, 100, 200]], [[-60, -50, 0, 50]]], dtype))
        assert found.tolist() == [[[0, 128, 255, 255]], [[0, 0, 128, 255]]], dtype
    assert BandForm((1,), ((0, 1),)).bytes_of(np.array([[[np.nan, np.inf, -np.inf]]], np.float32)).tolist() == [
        [[0, 255, 0]]
    ]
    assert BandForm((1,)).bytes_of(np.array([[[0, 128, 129, 65535]]], np.uint16)).tolist() == [[[0, 0, 1, 255]]]
    assert BandForm((1,), ((10, 20),)).bytes_of(np.array([[[9, 10, 15, 21]]], np.uint8)).tolist() == [
        [[0, 0, 128, 255]]
    ]


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"bands": (0,)}, "band 0 is none"),
        ({"ranges": ((3, 3),)}, "range 3 to 3 is none"),
        ({"ranges": ((0, float("nan")),)}, "is none"),
        ({"bands": (1, 2, 3), "ranges": ((0, 1), (0, 2))}, "2 ranges for 3 bands"),
    ],
)
def test_forms_that_do_not_hold_together_are_refused(form: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        BandForm(**form)  # type: ignore[arg-type]


def bands_of(path: Path, channels: int) -> NDArray[np.uint8]:
    with Raster(path, channels, BandForm()) as raster:
        return raster.read((0, raster.height), (0, raster.width)).image


def test_bands_that_fit_without_doubt_are_taken(tmp_path: Path) -> None:
    from rasterio.enums import ColorInterp

    pixels = values(5, (40, 48))
    path = write_raster(tmp_path / "named.tif", pixels)
    with rasterio.open(path, "r+") as dataset:
        blue_first = [
            ColorInterp.blue,
            ColorInterp.green,
            ColorInterp.red,
            ColorInterp.undefined,
            ColorInterp.undefined,
        ]
        dataset.colorinterp = blue_first
    assert np.array_equal(bands_of(path, 3), pixels[[2, 1, 0]])
    assert np.array_equal(bands_of(path, 5), pixels[[2, 1, 0, 3, 4]])
    with Raster(path, 5, BandForm((1, 2, 3, 4, 5))) as raster:
        assert np.array_equal(raster.read((0, 40), (0, 48)).image, pixels)
        assert raster.reordered == ()
    grey = write_raster(tmp_path / "grey.tif", pixels[:1])
    assert np.array_equal(bands_of(grey, 3), pixels[[0, 0, 0]])
    assert np.array_equal(bands_of(grey, 1), pixels[:1])


def test_a_palette_gives_its_colours(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "palette.tif", np.array([[[0, 1], [2, 1]]], np.uint8), photometric=None)
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {0: (9, 8, 7, 255), 1: (50, 60, 70, 255), 2: (255, 0, 0, 255)})
    assert bands_of(path, 3).transpose(1, 2, 0).tolist() == [[[9, 8, 7], [50, 60, 70]], [[255, 0, 0], [50, 60, 70]]]


def test_values_without_a_range_are_refused_with_ranges_that_would_do(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", np.linspace(-3, 7, 1024, dtype=np.float32).reshape(1, 32, 32))
    with pytest.raises(PictureError, match=r"black and white \(ranges; .*99% of this file's bands: \[-2\.95, 6\.95\]"):
        Raster(path, 1, BandForm())


def test_without_rasterio_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(UserError, match=r"^rasters need rasterio: pip install 'sceneparse\[geo\]'$"):
        installed()


def test_rasters_without_a_georeference_make_no_noise_in_threads(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "scene.tif", values(1, (40, 48)), crs=None, transform=None)

    def read(_: int) -> NDArray[np.uint8]:
        return bands_of(path, 1)

    with warnings.catch_warnings(record=True) as said, ThreadPoolExecutor(4) as pool:
        warnings.resetwarnings()
        assert len(list(pool.map(read, range(40)))) == 40
    assert [str(one.message) for one in said] == []
