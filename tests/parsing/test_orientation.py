"""A model that learnt from pictures as they are stored is given them so, by whatever way they come."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sceneparse.parsing.runs.pictures import predict_pictures
from sceneparse.settings import DataSettings, ProtocolSettings
from tests.parsing.conftest import MakeParser

STORED = [[0] * 4 + [1] * 4] * 6


def turned(path: Path, pixels: NDArray[np.generic], orientation: int = 6) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif)
    return path


@pytest.mark.parametrize("form", ["png", "jpg", "tif", "webp"])
@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
def test_stored_pixels_are_parsed(
    make_parser: MakeParser, form: str, orientation: int, halves: NDArray[np.uint8], tmp_path: Path
) -> None:
    path = turned(tmp_path / f"a.{form}", halves, orientation)
    parser = make_parser(data=DataSettings(orientation="ignore"))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert parser(path).labels.tolist() == STORED
        assert parser(path.read_bytes()).labels.tolist() == STORED
        with Image.open(path) as image:
            assert parser(image).labels.tolist() == STORED
    assert ["labels lie on these" in str(one.message) for one in said] == [True]  # once


@pytest.mark.parametrize("transparent", [False, True])
def test_forms_that_take_the_way_through_a_file_are_not_turned_either(
    make_parser: MakeParser, transparent: bool, tmp_path: Path
) -> None:
    shape = (6, 8, 2) if transparent else (6, 8)
    path = turned(tmp_path / "a.png", np.full(shape, 90, np.uint8) if transparent else np.full(shape, 9000, np.uint16))
    for orientation, wanted in (("ignore", (6, 8)), ("apply", (8, 6))):
        parser = make_parser(data=DataSettings(orientation=orientation))  # type: ignore[arg-type]
        with Image.open(path) as image, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert parser(image).size == parser(path).size == wanted


def test_a_reduced_picture_has_its_stored_size(make_parser: MakeParser, tmp_path: Path) -> None:
    path = turned(tmp_path / "a.jpg", np.full((960, 1280, 3), 90, np.uint8))
    data, protocol = DataSettings(orientation="ignore"), ProtocolSettings(size=60)
    read = make_parser(data=data, protocol=protocol).open(path)
    assert read.size == (960, 1280) and read.image.shape == (3, 120, 160)


def test_predict_says_it_once_and_each_picture_says_it(
    make_parser: MakeParser, halves: NDArray[np.uint8], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        turned(tmp_path / f"{name}.jpg", halves)
    parser = make_parser(data=DataSettings(orientation="ignore"))
    inputs = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    predict_pictures(parser, inputs, tmp_path / "out", progress=False)
    assert capsys.readouterr().err.count("labels lie on these") == 1
    for name in ("a", "b"):
        assert np.array(Image.open(tmp_path / "out" / f"{name}.png")).shape == (6, 8)
        record = json.loads((tmp_path / "out" / f"{name}.json").read_text())
        assert "data.orientation ignore" in record["doubt"] and record["unturned"] == 6
