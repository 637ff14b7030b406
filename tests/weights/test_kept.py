"""Model folders in the cache are whole or made anew, and make room for each other while other processes do the same."""

import os
import shutil
from pathlib import Path

import pytest

from sceneparse.files import make_room
from sceneparse.weights.config import CONFIG, FILES, LABELS, WEIGHTS
from sceneparse.weights.kept import KEPT, kept_model


@pytest.mark.parametrize("lost", [CONFIG, WEIGHTS, LABELS])
def test_one_that_lost_a_file_is_made_anew(lost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCENEPARSE_CACHE", str(tmp_path))
    made: list[Path] = []

    def make(folder: Path) -> None:
        folder.mkdir()  # which fails where something is left
        for name in FILES:
            (folder / name).write_text(str(len(made)))
        made.append(folder)

    folder = kept_model("some", ["one"], make)
    assert kept_model("some", ["one"], make) == folder and len(made) == 1
    (folder / lost).unlink()
    assert kept_model("some", ["one"], make) == folder and len(made) == 2
    assert {(folder / name).read_text() for name in FILES} == {"1"}


def test_what_another_process_deletes_at_this_moment_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(KEPT + 3):
        (tmp_path / f"{number:02}").mkdir()
        os.utime(tmp_path / f"{number:02}", (number, number))
    listed = Path.iterdir

    def shrinking(folder: Path) -> list[Path]:
        found = list(listed(folder))
        if folder == tmp_path:
            shutil.rmtree(tmp_path / "05")
        return found

    monkeypatch.setattr(Path, "iterdir", shrinking)
    make_room(tmp_path, KEPT)
    monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{number:02}" for number in range(2, KEPT + 3) if number != 5
    ]
