"""A data set is named alike in Python and on the command line: by its folder, a kind, a recipe, or settings."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

import sceneparse
from sceneparse import UserError, cli
from sceneparse.settings import AugmentationSettings, DataSettings
from tests.support.small import write_data_set
from tests.support.well_formed import Page

API: Any = sceneparse


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data_set(tmp_path / "my data")


def recipe(path: Path, **settings: Any) -> Path:
    path.write_text(yaml.safe_dump(settings))
    return path


def test_a_check_finds_in_python_what_the_command_finds(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "train" / "masks" / "000.png").unlink()
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    assert cli.main(["data", "check", str(data), "--json", str(files[0])]) == 2
    printed = capsys.readouterr()
    found = sceneparse.check_data(data, json=files[1])
    assert capsys.readouterr() == printed
    first, second = (json.loads(file.read_text()) | {"seconds": 0} for file in files)
    assert first == second and not found.ok and found.report == files[1]
    assert [one.code for one in found.findings if one.severity == "error"] == ["no-mask"]


def test_a_check_prints_as_a_line_and_shows_its_findings_in_a_notebook(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "train" / "masks" / "000.png").unlink()
    found = sceneparse.check_data(data, progress=False)
    assert capsys.readouterr() == ("", "")
    assert repr(found).startswith(f"Diagnosis(folder {data}: 7 pictures: not ready") and "\n" not in repr(found)
    html = found._repr_html_()
    Page(html)
    for text in ("no-mask", "000.png", "bright", "64×48", "val"):
        assert text in html
    assert "<a " not in html


def test_all_that_names_a_data_set_is_checked(data: Path, tmp_path: Path) -> None:
    mine = recipe(tmp_path / "mine.yaml", data={"root": str(data)})
    named: list[Any] = [data, str(data), mine, DataSettings("folder", root=str(data)), sceneparse.read_recipe(mine)]
    for one in named:
        found = sceneparse.check_data(one, progress=False)
        assert (found.kind, found.ok, sum(split.pictures for split in found.splits)) == ("folder", True, 8)
    assert sceneparse.check_data("toyworld", progress=False).kind == "toyworld"
    assert sceneparse.check_data(data, kind="folder", progress=False).ok


def test_what_training_does_not_mirror_is_not_asked_for_its_sides(data: Path, tmp_path: Path) -> None:
    (data / "classes.json").write_text('{"names": ["left door", "right door"], "ignore": 255}')
    for mirror in (0.5, 0.0):
        mine = recipe(tmp_path / "mine.yaml", data={"root": str(data)}, augmentation={"mirror": mirror})
        codes = [one.code for one in sceneparse.check_data(mine, progress=False).findings]
        assert ("mirror-pairs" in codes) == (mirror > 0)


def test_a_contact_sheet_is_a_picture_that_a_notebook_shows(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sheet.png"
    assert cli.main(["data", "show", str(data), "--count", "2", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    written = tmp_path / "again.png"
    sheet = sceneparse.show_data(data, count=2, out=written)
    assert written.read_bytes() == out.read_bytes() and sheet.report == written
    assert capsys.readouterr().out == printed.replace(str(out), str(written))
    shown = sceneparse.show_data(data, count=2, progress=False)
    assert capsys.readouterr() == ("", "") and shown.report is None
    assert shown.image.tobytes() == Image.open(out).convert("RGB").tobytes()
    width, height = shown.image.size
    assert repr(shown) == f"ContactSheet(folder {data} train: 2 samples; {width}×{height} pixels)"
    Page(shown._repr_html_())
    assert "data:image/" in shown._repr_html_() and shown._repr_png_().startswith(b"\x89PNG")


def test_a_contact_sheet_is_of_the_recipes_augmentation_and_of_what_differs(data: Path, tmp_path: Path) -> None:
    mine = recipe(tmp_path / "mine.yaml", data={"root": str(data)}, augmentation={"crop": [24, 24]})
    ways: list[dict[str, Any]] = [
        {"recipe": mine},
        {"recipe": sceneparse.read_recipe(mine)},
        {"augmentation": {"crop": [24, 24]}},
        {"augmentation": AugmentationSettings(crop=(24, 24))},
    ]
    sheets = [sceneparse.show_data(data, progress=False, **way).image.tobytes() for way in ways]
    assert len(set(sheets)) == 1 and sheets[0] != sceneparse.show_data(data, progress=False).image.tobytes()
    calm = {"rotate": 0, "color": 0.0, "mirror": 0.0, "scale": [1.0, 1.0], "blur_probability": 0}
    changed = sceneparse.show_data(data, recipe=ways[1]["recipe"], augmentation=calm, progress=False)
    assert changed.image.tobytes() != sheets[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: API.check_data(), "check_data needs data: check_data(data=…)"),
        (
            lambda: API.check_data(3),
            "data is 3, but must be the data set's folder, a kind without one, a recipe, or Da",
        ),
        (lambda: API.check_data("no-such-folder"), "no-such-folder: no such folder; name the data set's folder"),
        (lambda: API.check_data("x", kind="coc"), "kind is 'coc', but must be one of "),
        (lambda: API.check_data("x", kind="toyworld"), "kind toyworld has no folder: give toyworld in place of x"),
        (lambda: API.check_data(DataSettings("toyworld"), kind="coco"), "kind is 'coco', but data.kind is 'toyworld'"),
        (lambda: API.check_data("x", json=3), "json is 3, but must be a file or None"),
        (lambda: API.check_data("x", progress=1), "progress is 1, but must be True or False"),
        (lambda: API.check_data("x", channels=0), "channels is 0, but must be a whole number of at least 1"),
        (
            lambda: API.check_data("x", train="all[:8]"),
            "it is a setting of the data: check_data(DataSettings('folder', root='DIR', train='all[:8]')), with DataSe",
        ),
        (lambda: API.show_data("toyworld", count=0), "count is 0, but must be a whole number of at least 1"),
        (lambda: API.show_data("toyworld", split=3), "split is 3, but must be a name"),
        (lambda: API.show_data("toyworld", out=3), "out is 3, but must be a file or None"),
        (lambda: API.show_data("toyworld", recipe="nope"), "no recipe named 'nope'"),
        (lambda: API.show_data("toyworld", augmentation={"rotat": 3}), "did you mean 'rotate'?"),
        (lambda: API.show_data("toyworld", "val"), "show_data takes 1 value without a name (data), but got 2"),
    ],
)
def test_what_a_call_cannot_take_is_said_in_a_line(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(UserError) as refusal:
        call()
    assert message in str(refusal.value) and "\n" not in str(refusal.value)
