"""Paths as people write them, and names that are taken for one another."""

from pathlib import Path

import pytest

from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.paths import expanded, meant, refuse_folded


def test_a_tilde_is_the_home_folder_where_it_stands_alone_and_a_names_own_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert expanded("~") == tmp_path and expanded("~/a/~b") == tmp_path / "a" / "~b"
    for name in ("~old", "~tmp.jpg", "~$report.jpg", "a/~/b", "", "."):
        assert expanded(name) == Path(name)


def test_outputs_in_the_home_folder_need_no_shell_that_expands_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["data", "list", "--json=~/kinds.json"]) == 0
    assert (tmp_path / "kinds.json").is_file() and not (tmp_path / "~").exists()


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
