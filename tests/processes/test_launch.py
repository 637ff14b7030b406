"""Several processes of one command, watched over; the command is a small script here."""

import signal
import sys
import time
from pathlib import Path

import pytest

from sceneparse.processes import LOST, STOPPED, launch


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder; what is written to its "python" is what each process does, after noting its port."""
    script = tmp_path / "python"
    script.touch(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    # By its name: the package exports the function that is called as its module is.
    monkeypatch.setattr(sys.modules["sceneparse.processes.launch"], "PATIENCE", 0.5)
    return script


def does(script: Path, *lines: str) -> None:
    script.write_text("\n".join(["#!/bin/sh", f"echo $MASTER_PORT > {script.parent}/port$RANK", *lines]) + "\n")


def test_processes_meet_at_a_port_that_no_client_is_given(started: Path) -> None:
    does(started, "exit 0")
    assert launch(["train"], 2, 1) == 0
    ports = {(started.parent / f"port{rank}").read_text() for rank in (0, 1)}
    assert len(ports) == 1 and 20_000 <= int(ports.pop()) < 32_768


@pytest.mark.parametrize("code", [0, STOPPED])
def test_when_the_first_has_ended_the_others_are_not_waited_for(started: Path, code: int) -> None:
    """As when Ctrl-C came while they were looking for each other: what is left would wait in vain."""
    does(started, f"[ $RANK = 0 ] && exit {code}", "exec sleep 60")
    began = time.monotonic()
    assert launch(["train"], 2, 1) == code
    assert time.monotonic() - began < 30


def test_the_first_is_waited_for_as_long_as_it_takes(started: Path) -> None:
    does(started, "[ $RANK = 1 ] && exit 0", "sleep 2", f"touch {started.parent}/written")
    assert launch(["train"], 2, 1) == 0
    assert (started.parent / "written").exists()


def test_one_that_fails_ends_the_others_and_is_told(started: Path, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    does(started, "[ $RANK = 1 ] && echo 'error: why' >&2 && exit 2", "exec sleep 60")
    assert launch(["train"], 2, 1) == 2
    assert capsys.readouterr().err == "error: why\n"
    does(started, "[ $RANK = 1 ] && kill -SEGV $$", "exec sleep 60")
    assert launch(["train"], 2, 1) == 1
    assert capsys.readouterr().err == f"error: process 1 was ended by {signal.SIGSEGV.name}\n"
    assert time.monotonic() - began < 30


def test_one_that_has_lost_another_is_not_who_failed(started: Path, capsys: pytest.CaptureFixture[str]) -> None:
    does(started, f"[ $RANK = 0 ] && exit {LOST}", "sleep 0.2", "echo 'error: why' >&2", "exit 2")
    assert launch(["train"], 2, 1) == 2
    assert capsys.readouterr().err == "error: why\n"


def test_files_of_the_current_folder_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "argparse.py").write_text("raise SystemExit(7)\n")
    monkeypatch.chdir(tmp_path)
    assert launch(["--version"], 2, 1) == 0
