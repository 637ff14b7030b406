"""What long tasks show on standard error, and the console that results are printed on."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

WIDE = 160
"""Columns of a table that is written to a file or read by another program: names are not cut off for want of room."""


def results_console() -> Console:
    """Return the console of standard output: as wide as the terminal, or wide where there is none to fit into."""
    narrow = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if narrow else WIDE)


@contextmanager
def progress_bar(shown: bool, total: int, title: str = "checking pictures") -> Iterator[Callable[[], None]]:
    """Show a progress bar on standard error; yield a function that advances it by one."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as bar:
        task = bar.add_task(title, total=total)
        yield lambda: bar.advance(task)
