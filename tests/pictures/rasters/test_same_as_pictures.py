"""A file gives a model of pictures the same pixels as a raster, by windows, and as a picture, as it was trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sceneparse.pictures.problems import PictureError
from sceneparse.pictures.rasters import BandForm, Raster
from sceneparse.pictures.reading import read_picture

rasterio = pytest.importorskip("rasterio", reason="rasterio is not installed (extra geo)")

from tests.support.rasters import write_raster  # noqa: E402

SIZE = (48, 64)
NOISE = np.random.default_rng(0)


def numbers(bands: int, below: int, dtype: str = "uint8") -> NDArray[Any]:
    return NOISE.integers(0, below, (bands, *SIZE)).astype(dtype)


def clear_left(value: int = 0, dtype: str = "uint8", opaque: int = 255) -> NDArray[Any]:
    """A band of opacity: its left third has a value of its own."""
    band = np.full((1, *SIZE), opaque, dtype)
    band[:, :, : SIZE[1] // 3] = value
    return band


FORMS: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
    "grey": (numbers(1, 256), {}),
    "1 bit": (numbers(1, 2), {"nbits": 1}),
    "1 bit, fax": (numbers(1, 2), {"nbits": 1, "compress": "CCITTFAX4", "tiled": False}),
    "1 bit, 0 is white": (numbers(1, 2), {"nbits": 1, "photometric": "MINISWHITE"}),
    "4 bits": (numbers(1, 16), {"nbits": 4}),
    "4 bits, 0 is white": (numbers(1, 16), {"nbits": 4, "photometric": "MINISWHITE"}),
    "8 bits, 0 is white": (numbers(1, 256), {"photometric": "MINISWHITE"}),
    "12 bits": (numbers(1, 4096, "uint16"), {"nbits": 12}),
    "16 bits": (numbers(1, 65536, "uint16"), {}),
    "16 bits, 0 is white": (numbers(1, 65536, "uint16"), {"photometric": "MINISWHITE"}),
    "16 bits, no data": (numbers(1, 65536, "uint16"), {"nodata": 65535}),
    "RGB of 1 bit": (numbers(3, 2), {"nbits": 1, "photometric": "RGB"}),
    "RGB of 4 bits": (numbers(3, 16), {"nbits": 4, "photometric": "RGB"}),
    "RGB of 12 bits": (numbers(3, 4096, "uint16"), {"nbits": 12, "photometric": "RGB"}),
    "RGB, no data": (numbers(3, 256), {"photometric": "RGB", "nodata": 255}),
    "RGB with opacity": (np.concatenate([numbers(3, 256), clear_left()]), {"photometric": "RGB", "alpha": "yes"}),
    "RGB, partly clear": (np.concatenate([numbers(3, 256), clear_left(100)]), {"photometric": "RGB", "alpha": "yes"}),
    "grey with opacity": (np.concatenate([numbers(1, 256), clear_left()]), {"alpha": "yes"}),
    "grey, partly clear": (np.concatenate([numbers(1, 256), clear_left(100)]), {"alpha": "yes"}),
    "grey of 16 bits with opacity": (
        np.concatenate([numbers(1, 65536, "uint16"), clear_left(30000, "uint16", 65535)]),
        {"alpha": "yes"},
    ),
}


def as_raster(path: Path, channels: int, form: BandForm) -> NDArray[np.uint8]:
    """By windows that do not fit the blocks."""
    with Raster(path, channels, form) as raster:
        return np.concatenate([raster.read((top, top + 12), (0, SIZE[1])).image for top in range(0, SIZE[0], 12)], 1)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("form", FORMS)
def test_pixels_are_those_of_the_picture(form: str, channels: int, tmp_path: Path) -> None:
    values, options = FORMS[form]
    path = write_raster(tmp_path / "scene.tif", values, **options)
    shown = read_picture(path, channels).numpy()
    assert np.array_equal(as_raster(path, channels, BandForm(pictures=True)), shown)
    # Of colours few pixels are wholly black or white to one channel.
    room = 32 if channels == 1 and values.shape[0] >= 3 else 0
    assert shown.max() >= 255 - room and (shown.min() <= room or "clear" in form)


def test_colours_are_no_grey_for_a_model_of_rasters(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "scene.tif", numbers(3, 256), photometric="RGB")
    with pytest.raises(PictureError, match="has 3 bands, but the model takes 1 channel: say which"):
        Raster(path, 1, BandForm())


def test_a_palette_is_luma_for_one_channel(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "scene.tif", numbers(1, 4), photometric=None)
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {0: (9, 8, 7, 255), 1: (50, 60, 70, 255), 2: (255, 0, 0, 255), 3: (0, 250, 9, 255)})
    for channels in (1, 3):
        wanted = read_picture(path, channels).numpy()
        for form in (BandForm(pictures=True), BandForm()):
            assert np.array_equal(as_raster(path, channels, form), wanted)
    assert as_raster(path, 1, BandForm((1,))).max() == 3  # a band that was named


def test_ranges_of_pictures_are_for_more_than_8_bits(tmp_path: Path) -> None:
    form = BandForm(deep_ranges=((0, 1000),), pictures=True)
    deep = write_raster(tmp_path / "deep.tif", numbers(1, 1000, "uint16"))
    wanted = read_picture(deep, 3, value_range=(0, 1000)).numpy().astype(int)
    assert np.abs(as_raster(deep, 3, form) - wanted).max() <= 1
    for values, options in ((numbers(1, 256), {}), (numbers(1, 16), {"nbits": 4})):
        path = write_raster(tmp_path / "bytes.tif", values, **options)
        assert np.array_equal(as_raster(path, 3, form), read_picture(path, 3, value_range=(0, 1000)))


def test_a_model_of_rasters_reads_few_bits_and_0_as_white_as_they_are_meant(tmp_path: Path) -> None:
    few = numbers(1, 16)
    path = write_raster(tmp_path / "few.tif", few, nbits=4)
    assert np.array_equal(as_raster(path, 1, BandForm()), few * 17)
    assert np.array_equal(as_raster(path, 1, BandForm(ranges=((0, 15),))), few * 17)
    negative = write_raster(tmp_path / "negative.tif", numbers(2, 256), photometric="MINISWHITE", nodata=7)
    with rasterio.open(negative) as dataset:
        stored = dataset.read()
    assert np.array_equal(as_raster(negative, 2, BandForm()), np.where(stored == 7, 0, 255 - stored))
    deep = write_raster(tmp_path / "deep.tif", numbers(1, 4096, "uint16"), nbits=12)
    with Raster(deep, 1, BandForm()) as raster:
        assert raster.full_scale == 4095 and raster.read((0, 48), (0, 64)).image.max() == 255


def test_near_infrared_that_is_called_opacity_is_no_transparency(tmp_path: Path) -> None:
    values = numbers(4, 250)
    values[3, :2] = 0
    path = write_raster(tmp_path / "infrared.tif", values, photometric="RGB", alpha="yes")
    with Raster(path, 3, BandForm(pictures=True)) as raster:
        pixels = raster.read((0, 48), (0, 64))
    assert np.array_equal(pixels.image, values[:3]) and pixels.valid is None
