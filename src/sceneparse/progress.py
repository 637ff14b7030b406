"""What long tasks show on standard error, and the console that results are printed on."""

import os
import sys
import threading
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

PATIENCE = 5.0
"""Seconds after which a line says what is being done, where no terminal shows it all the time."""


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
    """Show a progress bar on standard error; yield a function that advances it by one."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    # Where there is no terminal, rich leaves an empty line of every bar.
    shown = shown and console.is_interactive
    with Progress(*columns, console=console, transient=True, disable=not shown) as bar:
        task = bar.add_task(title, total=total)
        yield lambda: bar.advance(task)


@contextmanager
def working(text: str, *, shown: bool = True) -> Iterator[Callable[[str], None]]:
    """Show on standard error what is being done, and for how long; yield a function that says what is done next.

    Where standard error is no terminal, a line says so of whatever takes longer than `PATIENCE`: in a log, minutes
    without a word look like a program that hangs.

    Args:
        text: What is done first.
        shown: Whether anything is shown.
    """
    console = Console(stderr=True)
    if not shown:
        yield lambda _: None
    elif console.is_terminal:
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(text, total=None)
            yield lambda now: bar.reset(task, description=now)
    else:
        late = _Late()
        try:
            late.say(text)
            yield late.say
        finally:
            late.end()


class _Late:
    """Lines on standard error about what takes long."""

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None

    def say(self, text: str) -> None:
        self.end()
        self._timer = threading.Timer(PATIENCE, print, (f"{text} …",), {"file": sys.stderr, "flush": True})
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
