"""What killed processes leave under temporary names goes; what others write stays."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sceneparse import unfinished
from sceneparse.files import write_text
from sceneparse.unfinished import STALE, temporary_beside, temporary_folder

LEFT = (".street.0123456789abcdef.tmp.png", ".model.0123456789abcdef.tmp", "..a b.0123456789abcdef.tmp.json")
OTHERS = (
    "street.0123456789abcdef.tmp.png",
    ".street.tmp.png",
    ".street.0123456789ABCDEF.tmp.png",
    ".street.0123456789abcdef.png",
    ".0123456789abcdef.tmp",
)


@pytest.fixture
def aged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes of a week ago, without waiting; the time of a change of a file's own facts can't be set."""
    monkeypatch.setattr(unfinished, "_changed", lambda status: status.st_mtime)
    monkeypatch.setattr(unfinished, "_tidied", set())


def leave(path: Path, age: float) -> None:
    path.write_text("half")
    os.utime(path, (time.time() - age,) * 2)


@pytest.mark.usefixtures("aged")
def test_what_was_left_a_week_ago_goes_when_somebody_writes_there(tmp_path: Path) -> None:
    for name in (*LEFT, *OTHERS):
        leave(tmp_path / name, STALE + 60)
    leave(recent := tmp_path / ".street.0123456789abcde0.tmp.png", STALE - 60)
    folder = tmp_path / ".mine.0123456789abcde1.tmp"
    folder.mkdir()
    leave(folder / "weights", 0)
    os.utime(folder, (time.time() - STALE - 60,) * 2)
    (link := tmp_path / ".link.0123456789abcde2.tmp").symlink_to(tmp_path / "a.txt")
    write_text(tmp_path / "a.txt", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"a.txt", recent.name, link.name, *OTHERS}
    leave(again := tmp_path / LEFT[0], STALE + 60)
    write_text(tmp_path / "b.txt", "whole")
    assert again.exists(), "a folder of a hundred thousand files is looked through once"


@pytest.mark.usefixtures("aged")
def test_a_folder_that_is_written_tidies_as_well(tmp_path: Path) -> None:
    leave(tmp_path / LEFT[0], STALE + 60)
    with temporary_folder(tmp_path / "model") as folder:
        (folder / "half").touch()
        assert [*tmp_path.iterdir()] == [folder]
    assert not [*tmp_path.iterdir()]


def test_a_copy_with_an_older_time_is_somebody_s_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfinished, "_tidied", set())
    leave(tmp_path / "old.png", 2 * STALE)
    being_written = temporary_beside(tmp_path / "new.png", ".png")
    shutil.copy2(tmp_path / "old.png", being_written)
    write_text(tmp_path / "a.txt", "whole")
    assert being_written.exists()


def test_a_killed_process_leaves_such_a_name(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("this system has no SIGKILL (Windows)")
    program = (
        "import os, pathlib, signal\n"
        "from sceneparse.files import whole_file\n"
        f"with whole_file(pathlib.Path({str(tmp_path / 'street.png')!r})) as temporary:\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert unfinished._NAME.fullmatch(left.name)
