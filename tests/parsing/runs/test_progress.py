"""The progress display counts while the work goes on."""

import io
import re
import threading
import time
from collections.abc import Iterator

import pytest
from rich.console import Console

from sceneparse.errors import UserError
from sceneparse.parsing.runs.progress import counting_progress


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100)


def shown_on(console: Console) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", console.file.getvalue())  # type: ignore[attr-defined]


def test_it_shows_what_is_done_of_how_many() -> None:
    console = terminal()
    with counting_progress(console, "Parsing", range(7), shown=True) as advance:
        for _ in range(7):
            advance()
            time.sleep(0.01)
    assert "Parsing" in shown_on(console) and "7/7" in shown_on(console)
    assert re.search(r"\d+\.\d pictures/s", shown_on(console))


def test_nothing_is_shown_or_counted_where_it_is_not_wanted_or_no_terminal() -> None:
    counted: list[bool] = []

    def never() -> Iterator[int]:
        counted.append(True)
        yield 1

    for console, shown in ((terminal(), False), (Console(file=io.StringIO()), True)):
        with counting_progress(console, "Parsing", never(), shown=shown) as advance:
            advance()
        assert shown_on(console) == "" and not counted


def test_counting_ends_with_the_work() -> None:
    def endless() -> Iterator[int]:
        while True:
            time.sleep(0.001)
            yield 1

    with pytest.raises(KeyboardInterrupt), counting_progress(terminal(), "Parsing", endless(), shown=True):
        raise KeyboardInterrupt
    assert not [thread for thread in threading.enumerate() if thread.name == "sceneparse-count"]


def test_what_cannot_be_counted_is_left_to_the_work() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise UserError("a folder may not be read")

    console = terminal()
    with counting_progress(console, "Parsing", broken(), shown=True) as advance:
        advance()
    assert "1/?" in shown_on(console)
