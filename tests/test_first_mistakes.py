"""What people try first in Python and get wrong is answered by what is right."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import sceneparse
from sceneparse import Parser, UserError
from sceneparse.cli import main
from sceneparse.labels import LabelSpace
from sceneparse.paths import meant
from tests.support.brightest import brightest_parser


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two pictures, seen from the folder around it."""
    (tmp_path / "photos").mkdir()
    for name in ("street.jpg", "garden.JPG"):
        Image.new("RGB", (12, 8)).save(tmp_path / "photos" / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def parser() -> Parser:
    return brightest_parser(labels=LabelSpace(("brick", "grass", "water")))


def refused(call: Any, *given: Any, **named: Any) -> str:
    """What is said of a call, which no type checker looks at, as in a notebook."""
    with pytest.raises(UserError) as refusal:
        call(*given, **named)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_a_folder_is_told_what_parses_folders(folder: Path, parser: Parser) -> None:
    said = "photos is a folder; what parses the pictures in it is sceneparse.predict(parser, 'photos', 'parsed')"
    assert refused(parser, "photos") == refused(parser, Path("photos")) == said
    assert refused(lambda: list(parser(["photos/street.jpg", "photos"]))) == said
    sceneparse.predict(parser, "photos", "parsed", progress=False)
    assert len(list((folder / "parsed").glob("*.json"))) == 3


@pytest.mark.parametrize(
    ("mistyped", "near"),
    [
        ("photos/stret.jpg", "photos/street.jpg"),
        ("photos/street.png", "photos/street.jpg"),
        ("photos/GARDN.jpg", "photos/garden.JPG"),
        ("fotos/street.jpg", "photos/street.jpg"),
        ("fotos/stret.jpg", "photos/street.jpg"),
        ("phtos", "photos"),
        ("video.png", None),
        ("fotos/video.png", None),
        ("x" * 3000, None),
    ],
)
def test_the_nearest_name_is_told_of_a_mistyped_one(
    mistyped: str, near: str | None, folder: Path, parser: Parser, capsys: pytest.CaptureFixture[str]
) -> None:
    hint, whole = ("" if near is None else f"; did you mean {one}?" for one in (near, folder / str(near)))
    assert (meant(mistyped), meant(folder / mistyped)) == (hint, whole)
    if len(mistyped) < 256:
        assert refused(parser, mistyped) == f"{mistyped}: no such file{hint}"
        assert refused(lambda: next(parser([Path(mistyped)]))) == f"{mistyped}: no such file{hint}"
        said = f"{mistyped}: no such file or folder{hint}"
        assert refused(sceneparse.predict, parser, mistyped, "parsed", progress=False) == said
        assert main(["predict", "model", mistyped, "--out", "parsed"]) == 2 and said in capsys.readouterr().err


@pytest.mark.parametrize("name", ["clip.mp4", "scan.nii.gz", "model.onnx"])
def test_so_it_is_of_a_video_a_volume_and_an_exported_model(
    name: str, folder: Path, tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / name).touch()
    words = [f"my{name}", "photos"] if name == "model.onnx" else [str(tiny_run), f"my{name}", "--engine", "torch"]
    assert main(["predict", *words, "--out", "parsed"]) == 2
    assert f"did you mean {name}?" in capsys.readouterr().err


def test_a_model_behind_its_data_is_told_which_is_which(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "run").symlink_to(tiny_run)
    calls: dict[str, Any] = {name: getattr(sceneparse, name) for name in ("evaluate", "diagnose", "calibrate")}
    for name, call in calls.items():
        said = f"data is no model, but run is one, and the model comes first: {name}('run', 'data', …)"
        assert refused(call, "data", "run") == said
        assert refused(call, Path("data"), data=Path("run")) == said
        assert "comes first" not in refused(call, "data", "elsewhere")
    said = "data is no model, but run is one, and the model comes first: predict"
    assert refused(sceneparse.predict, "data", "run", "out") == f"{said}('run', 'data', …)"
    assert refused(sceneparse.predict, "data", ["a.png", "run"], "out") == f"{said}('run', ['a.png', 'data'], …)"
