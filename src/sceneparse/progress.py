"""What long tasks show on standard error, and the console that results are printed on."""

import itertools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

WIDE = 160
"""Columns of a table that is written to a file or read by another program: names are not cut off for want of room."""

PATIENCE = 2.0
"""Seconds after which a line says what is being done, where no terminal shows it all the time."""

ENOUGH = 10
"""So many tell how long the rest takes; the first of them waited for what is loaded, and after a while fewer do."""

_lines: list["_Line"] = []
"""The line that is on the terminal, if there is one: what is done inside something else is said there too."""


class FoldingConsole(Console):
    """A console whose tables lose nothing in a narrow terminal: what does not fit into a column goes on below."""

    def print(self, *objects: Any, **how: Any) -> None:
        """Print objects, as rich's own console does."""
        for one in objects:
            if isinstance(one, Table):
                for column in one.columns:
                    if column.overflow == "ellipsis":
                        column.overflow = "fold"
        super().print(*objects, **how)


def results_console(*, highlight: bool = True) -> Console:
    """Return the console of standard output: as wide as the terminal, or wide where there is none to fit into.

    Args:
        highlight: Colour numbers and names in what is printed.
    """
    narrow = sys.stdout.isatty() or "COLUMNS" in os.environ
    return FoldingConsole(width=None if narrow else WIDE, highlight=highlight)


@contextmanager
def progress_bar(shown: bool, total: int, title: str = "checking pictures") -> Iterator[Callable[[], None]]:
    """Show a progress bar on standard error; yield a function that advances it by one.

    Where standard error is no terminal, one line says how long it is going to take, if that is longer than `PATIENCE`.
    """
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    if shown and not console.is_interactive:
        yield line_of_progress(title, total)
        return
    with Progress(*columns, console=console, transient=True, disable=not shown) as bar:
        task = bar.add_task(title, total=total)
        yield lambda: bar.advance(task)


def line_of_progress(title: str, total: int) -> Callable[[], None]:
    """Return a function that counts, and after `PATIENCE` says once on standard error how long the rest takes.

    Where too few are done by then to know that, it says how many are, and once more when it is known.
    """
    began, done = time.monotonic(), itertools.count(1)
    said, known = threading.Event(), threading.Event()

    def advance() -> None:
        now, spent = next(done), time.monotonic() - began
        if spent <= PATIENCE or now >= total or known.is_set():
            return
        if now >= ENOUGH or spent >= 5 * PATIENCE:
            known.set()
            left = roughly(spent * (total - now) / now)
            print(f"{title}: {now:,} of {total:,}, {left} left …", file=sys.stderr, flush=True)
        elif not said.is_set():
            said.set()
            print(f"{title}: {now:,} of {total:,} …", file=sys.stderr, flush=True)

    return advance


def roughly(seconds: float) -> str:
    """Return a time as somebody would guess it: "about 20 seconds", "about 3 minutes", "about 2 hours"."""
    if seconds < 8:
        return "a few seconds"
    if seconds < 55:
        return f"about {5 * round(seconds / 5)} seconds"
    if seconds < 55 * 60:
        minutes = max(round(seconds / 60), 1)
        return f"about {minutes} minute{'' if minutes == 1 else 's'}"
    hours = max(round(seconds / 3600), 1)
    return f"about {hours} hour{'' if hours == 1 else 's'}"


def roughly_between(low: float, high: float) -> str:
    """Return a range of times in the words of `roughly`: "15 to 30 seconds", "50 seconds to 2 minutes"."""
    if (one := roughly(low)) == (other := roughly(high)):
        return one
    other = other.removeprefix("about ")
    if one == roughly(0.0):
        return f"up to {other}"
    number, unit = one.removeprefix("about ").split()
    return f"{number} to {other}" if unit.rstrip("s") == other.split()[1].rstrip("s") else f"{number} {unit} to {other}"


@contextmanager
def working(text: str, *, shown: bool = True) -> Iterator[Callable[[str], None]]:
    """Show on standard error what is being done, and for how long; yield a function that says what is done next.

    Where standard error is no terminal, a line says so of whatever takes longer than `PATIENCE`: in a log, minutes
    without a word look like a program that hangs. Inside another one it takes that one's line for as long as it lasts.

    Args:
        text: What is done first.
        shown: Whether anything is shown.
    """
    if not shown:
        yield lambda _: None
    elif _lines:
        line = _lines[-1]
        before = line.text
        try:
            line.say(text)
            yield line.say
        finally:
            line.say(before)
    else:
        with _line() as line:
            _lines.append(line)
            try:
                line.say(text)
                yield line.say
            finally:
                _lines.pop()


@contextmanager
def _line() -> Iterator["_Line"]:
    """A line on a terminal, or lines in a log about what takes long."""
    console = Console(stderr=True)
    if not console.is_terminal:
        late = _Late()
        try:
            yield _Line(late.say)
        finally:
            late.end()
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    # What is printed in the meantime stands above the line, if it goes to the terminal as well.
    shared = sys.stdout.isatty()
    with Progress(*columns, console=console, transient=True, redirect_stdout=shared) as bar:
        task = bar.add_task("", total=None)
        yield _Line(lambda text: bar.reset(task, description=text))


class _Line:
    """What is being done, in a line.

    Args:
        show: Shows it.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self.text, self._show = "", show

    def say(self, text: str) -> None:
        self.text = text
        self._show(text)


class _Late:
    """Lines on standard error about what takes long."""

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None
        self._begun: set[str] = set()

    def say(self, text: str) -> None:
        self.end()
        if text in self._begun:  # what is gone back to
            return
        self._begun.add(text)
        self._timer = threading.Timer(PATIENCE, print, (f"{text} …",), {"file": sys.stderr, "flush": True})
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
