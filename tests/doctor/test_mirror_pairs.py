"""The doctor warns once of left and right that are listed nowhere, and says exactly what to add."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from sceneparse.cli import main
from sceneparse.doctor import Finding, check
from sceneparse.settings import ClassSettings, DataSettings, ToyWorldSettings
from tests.support.small import write_data_set

NAMES = ["left door", "right_door", "Left Seat", "Right Seat", "lampL", "lampR", "hood"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_data_set(tmp_path, {"train": 1, "val": 1, "test": 1}, size=(8, 8))
    say(tmp_path)
    return tmp_path


def say(root: Path, **more: Any) -> None:
    (root / "classes.json").write_text(json.dumps({"names": NAMES, "ignore": 255, **more}))


def warnings(root: Path, classes: ClassSettings | None = None, *, mirrored: bool = True) -> list[Finding]:
    settings = DataSettings(root=str(root), classes=classes or ClassSettings())
    found = check(settings, progress=False, workers=1, mirrored=mirrored).findings
    return [finding for finding in found if finding.code == "mirror-pairs"]


def test_pairs_that_are_listed_nowhere_are_one_warning_with_the_json_to_add(root: Path) -> None:
    (found,) = warnings(root)
    assert found.severity == "warning" and found.count == 2 and "\n" not in found.message
    assert found.examples == ("Left Seat – Right Seat", "lampL – lampR")
    added = re.search(r"add to classes\.json: (.*?\]\])", found.message)
    assert added is not None
    say(root, **json.loads(f"{{{added[1]}}}"))
    assert warnings(root) == []


def test_what_is_listed_already_stands_in_what_to_add(root: Path) -> None:
    say(root, mirror=[["lampR", "lampL"]])
    (found,) = warnings(root)
    assert found.count == 1 and '"mirror": [["lampR", "lampL"], ["Left Seat", "Right Seat"]]' in found.message


def test_who_mirrors_nothing_or_says_that_there_are_no_pairs_is_not_warned(root: Path) -> None:
    assert warnings(root, mirrored=False) == []
    assert warnings(root, ClassSettings(mirror=None)) == []


def test_classes_that_are_called_otherwise_are_paired_in_the_settings(root: Path) -> None:
    classes = ClassSettings(drop=("lampL",), rename={"hood": "left_trunk", "lampR": "right_trunk"})
    (found,) = warnings(root, classes)
    given = re.search(r"give data={'classes': {'mirror': (.*?\])}}", found.message)
    assert given is not None
    pairs = tuple((one, other) for one, other in ast.literal_eval(given[1]))
    assert pairs == (("Left Seat", "Right Seat"), ("left_trunk", "right_trunk"))
    assert warnings(root, ClassSettings(drop=classes.drop, rename=classes.rename, mirror=pairs)) == []


def test_a_class_whose_other_side_is_dropped_is_noted(root: Path) -> None:
    say(root, mirror=[["lampR", "lampL"], ["Left Seat", "Right Seat"]])
    settings = DataSettings(root=str(root), classes=ClassSettings(drop=("lampL",)))
    for mirrored in (True, False):
        found = check(settings, progress=False, workers=1, mirrored=mirrored).findings
        noted = [finding for finding in found if finding.code == "no-mirror-image"]
        assert [(one.severity, one.examples) for one in noted] == ([("note", ("lampR",))] if mirrored else [])


def test_a_class_that_is_said_to_have_no_mirror_image_is_noted_as_such(root: Path) -> None:
    say(root, mirror=[["lampR", "lampL"], ["Left Seat", None], [None, "Right Seat"]])
    found = check(DataSettings(root=str(root)), progress=False, workers=1).findings
    (noted,) = [finding for finding in found if finding.code == "no-mirror-image"]
    assert noted.examples == ("Left Seat", "Right Seat") and "where the other side is dropped" in noted.message
    assert warnings(root) == []


def test_a_command_line_without_mirror_images_is_not_warned(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(root)]) == 0
    assert capsys.readouterr().out.count("mirror-pairs") == 1
    assert main(["data", "check", str(root), "--augmentation.mirror", "0"]) == 0
    assert "mirror-pairs" not in capsys.readouterr().out


def test_other_tasks_are_looked_at_too(root: Path) -> None:
    names = ["background", "doorL", "doorR", "hood"]
    (root / "classes.json").write_text(json.dumps({"names": names}))
    settings = DataSettings("car_parts", root=str(root), train="train", val="test")
    (found,) = [one for one in check(settings, progress=False, workers=1).findings if one.code == "mirror-pairs"]
    assert "data={'classes': {'mirror': [('doorL', 'doorR')]}}" in found.message
    toy = DataSettings("toyworld", toyworld=ToyWorldSettings(32, 2, 1))
    assert not [one for one in check(toy, progress=False).findings if one.code == "mirror-pairs"]
