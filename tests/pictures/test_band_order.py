"""TIFFs whose bands are stored in another order than red, green, blue, and say so."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rasterio", reason="rasterio is not installed (sceneparse[geo])")

import rasterio
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning

from sceneparse.pictures.decoding import decode
from sceneparse.pictures.rasters import BandForm, Raster
from sceneparse.pictures.reading import read_picture

pytestmark = pytest.mark.filterwarnings(f"ignore::{NotGeoreferencedWarning.__module__}.NotGeoreferencedWarning")


def write(path: Path, names: str, dtype: str = "uint8", **options: object) -> Path:
    """Write a TIFF by GDAL; each band holds 10 (red), 20 (green), 30 (blue), 40 (near infrared) or 255 (alpha)."""
    numbers = {"red": 10, "green": 20, "blue": 30, "nir": 40, "undefined": 50, "alpha": 255}
    scale = 257 if dtype == "uint16" else 1
    bands = names.split()
    values = np.stack([np.full((4, 5), numbers[name] * scale, dtype) for name in bands])
    with rasterio.open(path, "w", driver="GTiff", height=4, width=5, count=len(bands), dtype=dtype, **options) as file:
        file.colorinterp = [ColorInterp[name] for name in bands]
        file.write(values)
    return path


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("options", [{}, {"interleave": "band"}, {"compress": "lzw", "predictor": 2}])
@pytest.mark.parametrize(
    ("names", "channels", "wanted", "order"),
    [
        ("blue green red", 3, [10, 20, 30], (3, 2, 1)),
        ("green red blue", 3, [10, 20, 30], (2, 1, 3)),
        ("red green blue", 3, [10, 20, 30], ()),
        ("blue green red nir", 3, [10, 20, 30], (3, 2, 1)),
        ("blue green red nir", 4, [10, 20, 30, 40], (3, 2, 1, 4)),
        ("blue green red undefined", 4, [10, 20, 30, 50], (3, 2, 1, 4)),
        ("nir red green blue", 3, [10, 20, 30], ()),
        ("nir red green blue", 4, [10, 20, 30, 40], (2, 3, 4, 1)),
        ("blue green red alpha", 3, [10, 20, 30], (3, 2, 1)),
    ],
)
def test_bands_are_what_the_file_says(
    tmp_path: Path,
    names: str,
    channels: int,
    wanted: list[int],
    order: tuple[int, ...],
    dtype: str,
    options: dict[str, object],
) -> None:
    path = write(tmp_path / "a.tif", names, dtype, **options)
    assert read_picture(path, channels)[:, 2, 3].tolist() == wanted
    with Raster(path, channels, BandForm()) as raster:
        assert raster.read((0, 4), (0, 5)).image[:, 2, 3].tolist() == wanted
        assert raster.reordered == order


def test_bands_that_were_chosen_are_taken_as_they_are(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", "blue green red nir")
    with Raster(path, 3, BandForm((1, 2, 4))) as raster:
        assert raster.read((0, 4), (0, 5)).image[:, 0, 0].tolist() == [30, 20, 40]
        assert raster.reordered == ()


def test_a_colour_that_is_named_twice_says_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", "blue blue red")
    with Raster(path, 3, BandForm()) as raster:
        assert raster.read((0, 4), (0, 5)).image[:, 0, 0].tolist() == [30, 30, 10]


def test_near_infrared_that_is_tagged_as_transparency_is_none(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", "blue green red nir")
    numbers = decode(path).all_numbers()
    assert numbers is not None and numbers.alpha is None and numbers.order == (3, 2, 1, 4)
