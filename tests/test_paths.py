"""Paths as people write them, and names that are taken for one another."""

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import sceneparse
from sceneparse.cli import COMMANDS, main, parser_of
from sceneparse.cli.settings import given_settings
from sceneparse.errors import UserError
from sceneparse.paths import expanded, expanded_text, meant, refuse_folded
from sceneparse.recipes import read_recipe
from sceneparse.serving.settings import model_of
from sceneparse.settings import BackboneSettings, DataSettings, InitSettings, Recipe
from sceneparse.settings.classes import ClassSettings
from sceneparse.settings.data import SourceSettings
from sceneparse.settings.engine import EXPORTED_SUFFIXES
from tests.support.small import write_data_set


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder: one of its own, so that nothing of the machine's is in it."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    return folder


def test_a_tilde_is_the_home_folder_where_it_stands_alone_and_a_names_own_elsewhere(home: Path) -> None:
    assert expanded("~") == expanded(Path("~")) == home and expanded("~/a/~b") == home / "a" / "~b"
    for name in ("~old", "~tmp.jpg", "~$report.jpg", "a/~/b", "", ".", "./~old"):
        assert expanded(name) == Path(name)


def test_a_users_name_behind_the_tilde_is_that_users_home_unless_a_file_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwd = pytest.importorskip("pwd", reason="users are not in a table here (Windows)")
    user = next((one for one in pwd.getpwall() if one.pw_dir != "/" and Path(one.pw_dir).is_dir()), None)
    if user is None:
        pytest.skip("no user of this machine has a folder")
    monkeypatch.chdir(tmp_path)
    name = f"~{user.pw_name}"
    assert expanded(f"{name}/a") == Path(user.pw_dir, "a") and expanded_text(name) == str(Path(user.pw_dir))
    (tmp_path / name).touch()
    assert expanded(name) == Path(name)


@pytest.mark.usefixtures("home")
def test_a_file_that_is_called_as_the_tilde_is_reached_by_way_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = expanded("./~/a")
    assert found == tmp_path / "~" / "a" and expanded(found) == found
    assert expanded_text("./~") == str(tmp_path / "~")
    for text in ("./a", "a/", "user/name", "s3://bucket/a", "~old/", ""):
        assert expanded_text(text) == text


def test_every_path_of_a_command_may_begin_with_a_tilde_in_quotes(home: Path) -> None:
    paths = {"MODEL", "MODEL2", "RUN", "CHECKPOINT", "RECIPE", "SWEEP", "DIR", "FOLDER", "INPUT", "FILE"}
    found = 0
    for command in COMMANDS:
        for action in parser_of(command)._actions:
            if action.metavar in paths and (command, action.dest) != ("serve", "models"):
                assert callable(action.type), f"{command} {action.dest}"
                assert str(action.type("~/a")) == str(home / "a"), f"{command} {action.dest}"
                found += 1
    assert found > 40
    assert model_of("~/a") == ("", str(home / "a")) and model_of("day=~/a") == ("day", str(home / "a"))


def test_every_path_among_the_settings_may_begin_with_a_tilde(home: Path, tmp_path: Path) -> None:
    there = str(home / "a")
    assert DataSettings(root="~/a").root == SourceSettings(root="~/a").root == there
    assert ClassSettings(file="~/a").file == BackboneSettings(weights="~/a").weights == there
    start = InitSettings(model="~/a", classes_file="~/a")
    assert start.model == start.classes_file == there
    assert BackboneSettings(weights="hub").weights == "hub" and InitSettings(model="user/name").model == "user/name"
    (home / "base.yaml").write_text("data: {kind: folder, root: ~/a}\ninit: {model: ~/a}\n")
    (tmp_path / "own.yaml").write_text("extends: ~/base.yaml\n")
    recipe = read_recipe(tmp_path / "own.yaml")
    assert recipe.data.root == recipe.init.model == there
    words = given_settings(Recipe, ["--init.model", "~/b", "--data.root=~/b"])
    assert read_recipe(tmp_path / "own.yaml", **words).init.model == str(home / "b")


def test_every_path_in_python_may_begin_with_a_tilde(
    home: Path, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_run, home / "run")
    write_data_set(home / "data")
    picture = "~/data/val/images/000.png"
    parser = sceneparse.load("~/run/model", engine="torch")
    assert parser.config == sceneparse.load(Path("~/run"), engine="torch").config
    parse = parser(picture)
    assert parse.size == parser(Path(picture)).size == next(parser.many([picture])).size
    parse.save("~/saved", "one")
    sceneparse.predict(parser, picture, "~/parsed", progress=False)
    on: Any = {"data": "~/data", "split": "val", "engine": "torch", "progress": False}
    sceneparse.evaluate("~/run/model", **on, out="~/evaluated")
    sceneparse.diagnose("~/run", **on, out="~/diagnosed", learn_split="val")
    sceneparse.calibrate("~/run/model", **on, out=Path("~/calibrated"))
    sceneparse.compare("~/run", out="~/compared", progress=False)
    # As ONNX, which other tests have converted it to, where that can be.
    form: Any = "onnx" if find_spec("onnxruntime") and find_spec("onnxscript") else "torch"
    exported = f"run{EXPORTED_SUFFIXES[form]}"
    sceneparse.export("~/run/model", format=form, out=f"~/{exported}", progress=False)
    written = ("saved/one.json", "parsed/summary.json", "evaluated/metrics.json", "diagnosed/diagnosis.json")
    for name in (*written, "calibrated/calibration.json", "compared/comparison.json", exported):
        assert (home / name).is_file(), name
    with pytest.raises(UserError, match="already holds a training"):
        sceneparse.train("toy-pspnet", "~/run")
    assert not list(tmp_path.glob("~*"))


def test_outputs_in_the_home_folder_need_no_shell_that_expands_them(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", "list", "--json=~/kinds.json"]) == 0
    assert (home / "kinds.json").is_file() and not (tmp_path / "~").exists()


def test_a_folder_whose_name_begins_with_a_tilde_is_one_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", "check", "~old", "--kind", "folder"]) == 2
    assert "~old: no such folder" in capsys.readouterr().err


def test_names_that_differ_in_case_alone_are_refused_where_the_disk_folds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_folded(["a", "A", "b"], tmp_path / "not" / "there")  # this disk tells them apart
    assert not list(tmp_path.iterdir()), "what was tried is gone"
    monkeypatch.setattr("sceneparse.paths.folds_case", lambda _: True)
    refuse_folded(["a", "b", "below/a"], tmp_path)
    for names in (["a", "A"], ["Below/a", "below/a"], ["\u00e9", "E\u0301"]):
        with pytest.raises(UserError, match="differ in case alone, and the disk would write one over the other"):
            refuse_folded(names, tmp_path)


def test_a_name_that_is_nearly_one_that_there_is_may_have_been_meant(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    (tmp_path / ".hidden.jpg").touch()
    assert meant(tmp_path / "foto.jpg") == f"; did you mean {tmp_path / 'photo.jpg'}?"
    assert meant(tmp_path / "hidden.jpg") == meant(tmp_path / "video.mp4") == meant(tmp_path / "not/photo.jpg") == ""
