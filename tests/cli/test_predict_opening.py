"""`predict` asks what is left to parse before a network is converted for it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.cli import main
from sceneparse.inference import open_model

OPENVINO = ["--engine", "openvino", "--device", "cpu"]


class ConvertedError(Exception):
    """A network was converted."""


def fail(*_: object, **__: object) -> None:
    raise ConvertedError


@pytest.fixture
def words(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command whose network is still to convert, which would fail, over pictures that PyTorch has parsed."""
    pytest.importorskip("openvino", reason="openvino is not installed (extra openvino)")
    monkeypatch.setenv("SCENEPARSE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "in").mkdir()
    for number in range(2):
        Image.new("RGB", (48, 32), (90 * number, 0, 0)).save(tmp_path / "in" / f"{number}.png")
    words = ["predict", str(tiny_run), str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    assert main([*words, "--engine", "torch"]) == 0
    monkeypatch.setattr(open_model, "export_model", fail)
    return words


def test_where_all_is_done_nothing_is_converted_nor_announced(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main([*words, *OPENVINO]) == 0
    said = capsys.readouterr().err
    assert "2 already done" in said and "OpenVINO" not in said and "engine: " not in said


@pytest.mark.parametrize("more", ["--again", "--flip", "--write labels confidence", "--ignore-below 0.5"])
def test_what_is_asked_otherwise_is_left_to_parse(
    more: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main([*words, *OPENVINO, *more.split()]) == 1 and "ConvertedError" in capsys.readouterr().err


def test_so_is_a_further_picture(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (48, 32)).save(tmp_path / "in" / "more.png")
    capsys.readouterr()
    assert main([*words, *OPENVINO]) == 1 and "ConvertedError" in capsys.readouterr().err


def write_clip_to(path: Path) -> None:
    pytest.importorskip("av", reason="av is not installed (extra video)")
    from tests.support.clips import pan, write_clip

    write_clip(path, pan(3))


def write_volume_to(path: Path) -> None:
    nibabel = pytest.importorskip("nibabel", reason="nibabel is not installed (extra medical)")
    values = np.random.default_rng(0).integers(0, 200, (40, 32, 2, 3)).astype(np.int16)
    nibabel.Nifti1Image(values, np.eye(4)).to_filename(path)


def write_raster_to(path: Path) -> None:
    pytest.importorskip("rasterio", reason="rasterio is not installed (extra geo)")
    from tests.support.rasters import values, write_raster

    write_raster(path, values(3, (40, 48), "uint8"))


WRITERS = {"clip.mp4": write_clip_to, "scan.nii.gz": write_volume_to, "field.tif": write_raster_to}


@pytest.mark.parametrize("name", WRITERS)
def test_so_it_is_with_a_video_a_volume_and_a_raster(
    name: str, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    WRITERS[name](tmp_path / name)
    words = ["predict", str(tiny_run), str(tmp_path / name), "--out", str(tmp_path / "out")]
    all_is_done_and_nothing_converted(words, ["--again", "--flip"], tmp_path, monkeypatch, capsys)
    WRITERS[name](tmp_path / f"more-{name}")
    words.insert(2, str(tmp_path / f"more-{name}"))
    assert main([*words, *OPENVINO]) == 1 and "ConvertedError" in capsys.readouterr().err


def test_so_it_is_with_all_of_them_together(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    Image.new("RGB", (48, 32), (90, 0, 0)).save(inside / "a.png")
    for name, write in WRITERS.items():
        write((tmp_path if name == "scan.nii.gz" else inside) / name)
    words = ["predict", str(tiny_run), str(inside), str(tmp_path / "scan.nii.gz"), "--out", str(tmp_path / "out")]
    all_is_done_and_nothing_converted(words, ["--again"], tmp_path, monkeypatch, capsys)
    for name in ("a.png", "clip_timeline.png", "scan.nii.gz", "field_labels.tif"):
        file = tmp_path / "out" / name
        content = file.read_bytes()
        file.unlink()
        assert main([*words, *OPENVINO]) == 1 and "ConvertedError" in capsys.readouterr().err, name
        file.write_bytes(content)


def all_is_done_and_nothing_converted(
    words: list[str],
    otherwise: list[str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Parse with PyTorch, and see that the same again converts no network for it; what is asked otherwise does."""
    pytest.importorskip("openvino", reason="openvino is not installed (extra openvino)")
    monkeypatch.setenv("SCENEPARSE_CACHE", str(folder / "cache"))
    assert main([*words, "--engine", "torch"]) == 0
    assert "engine: " in capsys.readouterr().err
    monkeypatch.setattr(open_model, "export_model", fail)
    assert main([*words, *OPENVINO]) == 0
    said = capsys.readouterr().err
    assert "1 already done" in said and "OpenVINO" not in said and "engine: " not in said
    for more in otherwise:
        assert main([*words, *OPENVINO, *more.split()]) == 1 and "ConvertedError" in capsys.readouterr().err
