"""Deep pictures whose numbers fill little of their range, and files of several frames: said, not silent."""

import json
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sceneparse.arguments import on_command_line
from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.parsing import Parser, predict_pictures
from sceneparse.parsing.remarks import Remark
from sceneparse.settings import DataSettings
from tests.support.brightest import brightest_parser
from tests.support.deep_png import deep_png
from tests.support.tiffs import Tiff, tiff_bytes

SPACE = LabelSpace(("red", "green", "blue"), ((255, 0, 0), (0, 255, 0), (0, 0, 255)))
RNG = np.random.default_rng(0)


def parser(data: DataSettings | None = None) -> Parser:
    return brightest_parser(labels=SPACE, data=data)


def numbers(highest: int, bands: int = 3, lowest: int = 0) -> NDArray[np.uint16]:
    values = RNG.integers(lowest, highest + 1, (6, 8, bands)).astype(np.uint16)
    values[0, 0], values[0, 1] = highest, lowest
    return values


def grey_png(values: NDArray[np.uint16]) -> bytes:
    content = BytesIO()
    Image.fromarray(values[..., 0]).save(content, "PNG")
    return content.getvalue()


def rgba(values: NDArray[np.uint16]) -> NDArray[np.uint16]:
    return np.dstack((values, np.full(values.shape[:2], 65535, np.uint16)))


FORMS = {
    "png": lambda highest: deep_png(numbers(highest)),
    "png-alpha": lambda highest: deep_png(rgba(numbers(highest))),
    "png-grey": lambda highest: grey_png(numbers(highest, 1)),
    "tiff": lambda highest: tiff_bytes(Tiff(numbers(highest), photometric=2)),
    "tiff-planar": lambda highest: tiff_bytes(Tiff(numbers(highest), planar=True)),
    "tiff-grey": lambda highest: tiff_bytes(Tiff(numbers(highest, 1))),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bits", [10, 12, 14])
def test_few_bits_in_16_are_a_doubt_that_names_the_range(form: str, bits: int) -> None:
    top = 2**bits - 1
    remarks = parser().open(FORMS[form](top)).remarks
    assert [remark.about for remark in remarks] == ["range"]
    assert f"no more than {top:,} of 65,535, so that it is seen nearly black" in remarks[0].text
    assert f"with_ranges([(0, {top})])" in remarks[0].text
    with on_command_line():
        assert f"--range 0 {top}" in parser().open(FORMS[form](top)).remarks[0].text


@pytest.mark.parametrize("form", FORMS)
def test_a_full_range_is_none(form: str) -> None:
    assert parser().open(FORMS[form](65535)).remarks == ()
    assert parser().open(FORMS[form](30000)).remarks == ()


@pytest.mark.parametrize("form", FORMS)
def test_the_range_of_the_training_is_used_and_the_doubt_is_gone(form: str) -> None:
    trained = parser(DataSettings(range=(0, 4095)))
    read = trained.open(FORMS[form](4095))
    assert read.remarks == () and int(read.image.max()) == 255
    again = trained.with_ranges([(0, 65535)]).open(FORMS[form](4095))
    assert [remark.about for remark in again.remarks] == ["range"]
    content = FORMS[form](4095)
    assert np.array_equal(trained.open(content).image, parser().with_ranges([(0, 4095)]).open(content).image)


def test_numbers_far_from_the_range_of_the_training_are_a_doubt() -> None:
    trained = parser(DataSettings(range=(0, 4095)))
    (below,) = trained.open(tiff_bytes(Tiff(numbers(300)))).remarks
    assert "0 to 300, all lie in the lowest eighth of the range 0 to 4,095" in below.text
    (above,) = trained.open(tiff_bytes(Tiff(numbers(65535)))).remarks
    assert "lie above the range 0 to 4,095" in above.text and "nearly white" in above.text
    (light,) = trained.open(tiff_bytes(Tiff(numbers(4095, lowest=4000)))).remarks
    assert "highest eighth" in light.text


def test_bytes_have_no_range() -> None:
    dark = Image.fromarray(RNG.integers(0, 3, (6, 8, 3), dtype=np.uint8))
    content = BytesIO()
    dark.save(content, "PNG")
    for one in (parser(), parser(DataSettings(range=(0, 4095)))):
        read = one.open(content.getvalue())
        assert read.remarks == () and not read.deep and int(read.image.max()) == 2


def test_each_band_has_its_own_range() -> None:
    values = np.stack([np.full((6, 8), top, np.uint16) for top in (1000, 2000, 4000)], axis=2)
    own = ((0, 1000), (0, 4000), (0, 16000))
    content = tiff_bytes(Tiff(values))
    for one in (parser(DataSettings(range=own)), parser().with_ranges(own)):
        assert one.open(content).image[:, 0, 0].tolist() == [255, 128, 64]
    # One file of another number of bands is left out, in one line.
    with pytest.raises(UserError, match="3 ranges for 1 band: give one for all, or one for each"):
        parser(DataSettings(range=own)).open(tiff_bytes(Tiff(values[..., :1])))


def test_one_pair_stands_for_all_channels_and_none_for_the_ranges_of_the_training() -> None:
    trained = parser(DataSettings(range=(0, 4095)))
    assert trained.with_ranges((0, 255)).ranges == trained.with_ranges(np.array([[0, 255]])).ranges == ((0, 255),)
    content, back = FORMS["png"](4095), trained.with_ranges((0, 255)).with_ranges(None)
    assert back.ranges == () and np.array_equal(back.open(content).image, trained.open(content).image)


def test_another_number_of_ranges_than_of_channels_is_refused() -> None:
    with pytest.raises(UserError, match="2 ranges for 3 bands: give one for all, or one for each"):
        parser().with_ranges([(0, 1), (0, 2)])
    with pytest.raises(UserError, match="the range 5 to 5 is none"):
        parser().with_ranges([(5, 5)])


def test_a_pil_image_of_16_bits_is_read_by_the_range_too() -> None:
    image = Image.fromarray(numbers(4095, 1)[..., 0])
    assert parser().open(image).remarks[0].about == "range"
    assert int(parser(DataSettings(range=(0, 4095))).open(image).image.max()) == 255


def test_a_parser_warns_once_of_each_kind(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 6), color) for color in ("red", "blue", "green")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    one = parser()
    with pytest.warns(UserWarning) as caught:
        parses = list(one([deep_png(numbers(4095)), str(tmp_path / "a.gif"), deep_png(numbers(4095))]))
    assert [("black" in str(each.message), "3 frames" in str(each.message)) for each in caught] == [
        (True, False),
        (False, True),
    ]
    assert "nearly black" in parses[2].to_json()["doubt"]
    assert "3 frames, of which the first is parsed" in parses[1].to_json()["doubt"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(one([deep_png(numbers(4095))]))


class TestRuns:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "in").mkdir()
        for index in range(3):
            (tmp_path / "in" / f"{index}.png").write_bytes(deep_png(numbers(4095)))
        return tmp_path / "in"

    def test_it_is_said_once_and_in_every_json(
        self, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        predict_pictures(parser(), [folder], tmp_path / "out", progress=False)
        said = capsys.readouterr().err
        assert said.count("nearly black") == 1 and "0.png: its numbers reach no more than 4,095" in said
        for index in range(3):
            assert "nearly black" in json.loads((tmp_path / "out" / f"{index}.json").read_text())["doubt"]

    def test_a_run_with_a_range_parses_anew_and_is_kept_by_the_next(self, folder: Path, tmp_path: Path) -> None:
        ranged = parser().with_ranges([(0, 4095)])
        out = tmp_path / "out"
        assert predict_pictures(parser(), [folder], out, progress=False).done == 3
        assert predict_pictures(ranged, [folder], out, progress=False).done == 3
        assert predict_pictures(ranged, [folder], out, progress=False).skipped == 3
        record = json.loads((out / "0.json").read_text())
        assert record["ranges"] == [[0, 4095]] and "doubt" not in record
        assert predict_pictures(parser(), [folder], out, progress=False).done == 3

    def test_a_range_that_changed_nothing_is_said(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        Image.new("RGB", (8, 6), "red").save(tmp_path / "a.png")
        predict_pictures(parser().with_ranges([(0, 4095)]), [tmp_path / "a.png"], tmp_path / "out", progress=False)
        assert "changed nothing: no picture that was parsed has more than 8 bits" in capsys.readouterr().err

    @pytest.mark.parametrize("form", ["gif", "png", "webp"])
    def test_frames_are_said(self, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        frames = [Image.new("RGB", (8, 6), color) for color in ("red", "blue")]
        frames[0].save(tmp_path / f"a.{form}", save_all=True, append_images=frames[1:])
        predict_pictures(parser(), [tmp_path / f"a.{form}"], tmp_path / "out", progress=False)
        assert f"a.{form}: 2 frames, of which the first is parsed" in capsys.readouterr().err
        assert "2 frames" in json.loads((tmp_path / "out" / "a.json").read_text())["doubt"]


def test_an_order_of_bands_is_no_doubt() -> None:
    assert not Remark("order", "").doubtful
