"""The consoles of long tasks and of results."""

import io
import time
from types import SimpleNamespace

import pytest
from rich.console import Console
from rich.table import Table

from sceneparse import progress
from sceneparse.progress import FoldingConsole, working


def test_a_table_in_a_narrow_terminal_loses_nothing() -> None:
    table = Table("architecture", "multiply-adds", "backbone")
    table.add_row("upernet_unified", "1,234,567.8", "vit_small_patch16_dinov3_with_a_long_name")
    file = io.StringIO()
    FoldingConsole(file=file, width=40).print(table)
    shown = file.getvalue()
    assert "…" not in shown and max(map(len, shown.splitlines())) <= 40
    columns = list(zip(*(line.split("│")[1:-1] for line in shown.splitlines() if line.startswith("│")), strict=True))
    row = ["".join(cell.strip() for cell in column) for column in columns]
    assert row == ["upernet_unified", "1,234,567.8", "vit_small_patch16_dinov3_with_a_long_name"]


def test_without_a_terminal_a_line_says_what_takes_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    with working("quick") as say:
        say("building compile")
        time.sleep(0.3)
        say("quick, too")
    time.sleep(0.1)
    assert capsys.readouterr().err == "building compile …\n"


def test_what_is_not_shown_says_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with working("one", shown=False) as say:
        say("another")
        time.sleep(0.05)
    assert capsys.readouterr().err == ""


def test_a_short_bar_leaves_nothing_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress_bar(True, 2) as advance:
        advance()
    assert capsys.readouterr() == ("", "")


def test_a_long_bar_leaves_one_line_in_a_log_that_says_how_long_it_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter((0.0, 1.0, 10.0, 15.0, 20.0))
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with progress.progress_bar(True, 4_000, "counting classes") as advance:
        for _ in range(4):
            advance()
    assert capsys.readouterr() == ("", "counting classes: 2 of 4,000, about 6 hours left …\n")
    with progress.progress_bar(False, 10) as advance:
        advance()
    assert capsys.readouterr() == ("", "")


def test_of_the_first_few_nobody_guesses_how_long_the_rest_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter((0.0, *(3 + index / 10 for index in range(12))))
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with progress.progress_bar(True, 100, "counting classes") as advance:
        for _ in range(12):
            advance()
    said = "counting classes: 1 of 100 …\ncounting classes: 10 of 100, about 35 seconds left …\n"
    assert capsys.readouterr() == ("", said)


def test_what_is_done_inside_something_else_takes_its_line_and_gives_it_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    with working("loading"):
        with working("converting") as say:
            time.sleep(0.2)
            say("saving")
            time.sleep(0.2)
        time.sleep(0.2)
    time.sleep(0.1)
    assert capsys.readouterr().err.splitlines() == ["converting …", "saving …"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1, "a few seconds"),
        (13, "about 15 seconds"),
        (70, "about 1 minute"),
        (200, "about 3 minutes"),
        (3400, "about 1 hour"),
    ],
)
def test_times_are_said_as_somebody_would_guess_them(seconds: float, text: str) -> None:
    assert progress.roughly(seconds) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (1, 5, "a few seconds"),
        (2, 24, "up to 25 seconds"),
        (13, 17, "about 15 seconds"),
        (13, 31, "15 to 30 seconds"),
        (31, 70, "30 seconds to 1 minute"),
        (70, 170, "1 to 3 minutes"),
    ],
)
def test_a_range_of_times_is_said_likewise(low: float, high: float, text: str) -> None:
    assert progress.roughly_between(low, high) == text


def test_square_brackets_in_names_are_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr(progress, "Console", lambda **_: Console(file=file, force_terminal=True, width=80))
    with progress.progress_bar(True, 2, "scoring folder train[a_*]") as advance:
        advance()
    assert "train[a_*]" in file.getvalue()
