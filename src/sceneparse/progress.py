"""What long tasks show on standard error, and the console that results are printed on."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

WIDE = 160
"""Columns of a table that is written to a file or read by another program: names are not cut off for want of room."""


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
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as bar:
        task = bar.add_task(title, total=total)
        yield lambda: bar.advance(task)
