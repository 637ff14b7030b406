"""`predict` asks what is left to parse before a network is converted for it."""

from pathlib import Path

import pytest
from PIL import Image

from sceneparse.cli import main
from sceneparse.inference import open_model

OPENVINO = ["--engine", "openvino", "--device", "cpu"]


class ConvertedError(Exception):
    """A network was converted."""


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

    def fail(*_: object, **__: object) -> None:
        raise ConvertedError

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
