"""Progress lines of a training, and the signals that stop it."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType, TracebackType
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from sceneparse.processes import leads
from sceneparse.progress import FoldingConsole

SILENCE = 20.0
"""Seconds after which a line is due without a terminal, however few iterations they were."""


class TrainingStopped(KeyboardInterrupt):
    """Ctrl-C or SIGTERM came; all that was done is in a checkpoint, and the message says how to go on."""


def say_once(text: str) -> None:
    """Write a line to standard error, once for all processes that train together."""
    if leads():
        print(text, file=sys.stderr)


class _TimeLeft:
    """How long the rest of a training takes, by its pace so far, validations and all.

    Its first step, which waits for what is loaded and compiled, says nothing of the others; from the second on there is
    an estimate, which changes with the whole course and not with the last seconds.

    Args:
        total: Iterations in all.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._first: tuple[int, float] | None = None

    def after(self, iteration: int) -> str:
        """Note that an iteration is done, and return such as "0:12:34 left"; nothing as long as nothing is known."""
        now = time.monotonic()
        if self._first is None:
            self._first = iteration, now
            return ""
        first, began = self._first
        pace = (now - began) / (iteration - first)
        return f"{timedelta(seconds=round(pace * (self._total - iteration)))} left"


class ProgressLine:
    """Shows loss, learning rate, speed and time left on standard error: a live line on a terminal, else plain lines.

    Args:
        done: Iterations done.
        total: Iterations in all.
        shown: Whether to show anything (one process of several does).
    """

    def __init__(self, done: int, total: int, *, shown: bool) -> None:
        self.console = FoldingConsole(stderr=True, quiet=not shown, highlight=False)
        self._total = total
        self._left = _TimeLeft(total)
        self._last = time.monotonic()
        self._bar: Progress | None = None
        if self.console.is_terminal and shown:
            self._bar = Progress(
                TextColumn("training"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[text]}"),
                console=self.console,
            )
            self._task = self._bar.add_task("training", total=total, completed=done, text="")

    def __enter__(self) -> "ProgressLine":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def step(self, iteration: int, loss: float, rate: float, speed: float, wait: float, *, line: bool) -> None:
        """Show an iteration.

        Args:
            iteration: Iterations done.
            loss: The mean loss since the last line, as metrics.jsonl has it.
            rate: Its learning rate.
            speed: Pictures a second.
            wait: The share of the time that steps wait for pictures, 0 to 1.
            line: Whether to write a line where there is no terminal.
        """
        text = f"loss {loss:.4f}  lr {rate:.2e}  {speed:.1f} pictures/s  waits {wait:.0%}"
        if left := self._left.after(iteration):
            text = f"{text}  {left}"
        if self._bar:
            self._bar.update(self._task, completed=iteration, text=text)
        elif line or time.monotonic() - self._last >= SILENCE:
            self._last = time.monotonic()
            self.console.print(f"iteration {iteration}/{self._total}  {text}", soft_wrap=True)

    def say(self, text: str) -> None:
        """Write a line for good."""
        self.console.print(text, soft_wrap=True, markup=False)

    def show(self, table: Table) -> None:
        """Write a table for good."""
        self.console.print(table)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Give the terminal to another progress bar."""
        if self._bar:
            self._bar.stop()
        try:
            yield
        finally:
            if self._bar:
                self._bar.start()


class StopRequest:
    """Notes Ctrl-C and SIGTERM, so that a step is never cut in half; the second one stops at once.

    Signals reach the main thread alone: elsewhere nothing is noted.

    Args:
        says: What is said on standard error when the first comes: what ends first, and what the second would lose.
    """

    def __init__(self, says: str) -> None:
        self.came = False
        self._says = says
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.came:
            raise KeyboardInterrupt
        self.came = True
        if leads():
            # Not by `print`: the signal may have come in the middle of one.
            os.write(2, f"\n{self._says}\n".encode())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
