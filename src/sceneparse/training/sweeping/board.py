"""Show the progress of a sweep on standard error: live bars on a terminal, plain lines elsewhere."""

import json
import time
from datetime import timedelta
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from sceneparse.errors import UserError, counted
from sceneparse.recipes.sweep import Run, Sweep
from sceneparse.training.durations import in_words
from sceneparse.training.sweeping.figures import finished
from sceneparse.training.written import as_decided
from sceneparse.weights.run_folder import METRICS

TAIL = 4096
"""Bytes at the end of metrics.jsonl that are looked at for the newest line."""


class Board:
    """The runs that are done and those that go on.

    Args:
        sweep: The sweep.
        out: Its folder.
        done: Runs that were finished before.
    """

    def __init__(self, sweep: Sweep, out: Path, *, done: int) -> None:
        self.console = Console(stderr=True, highlight=False)
        self._sweep, self._out = sweep, out
        self._done, self._total = done, len(sweep.runs())
        self._began: dict[str, float] = {}
        self._tasks: dict[str, tuple[Run, TaskID]] = {}
        self._bars: Progress | None = None
        if self.console.is_terminal:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
            )
            self._bars = Progress(*columns, console=self.console, transient=True)
            self._whole = self._bars.add_task(f"sweep {sweep.name}, runs", total=self._total, completed=done)

    def __enter__(self) -> "Board":
        known = f", {self._done} of them finished before" if self._done else ""
        self._say(f"sweep {self._sweep.name}: {counted(self._total, 'run')}{known}, in {self._out}")
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()

    def began(self, run: Run) -> None:
        """Show a run that starts or goes on."""
        self._began[run.folder] = time.monotonic()
        if self._bars:
            task = self._bars.add_task(f"  {run.name}", total=self._length(run))
            self._tasks[run.folder] = (run, task)
        else:
            self._say(f"{run.name}: begins ({_planned(run)})")

    def refresh(self) -> None:
        """Show how far the runs have come."""
        if self._bars:
            for run, task in self._tasks.values():
                done = _iteration(self._out / run.folder / METRICS)
                self._bars.update(task, completed=done, total=self._length(run))

    def _length(self, run: Run) -> int | None:
        """The iterations of a run; None as long as it has not decided how many its minutes are."""
        try:
            training = as_decided(run.recipe, self._out / run.folder).training
        except UserError:  # the run itself is going to say it
            return None
        return training.iterations if training.minutes is None else None

    def ended(self, run: Run, error: str | None) -> None:
        """Show what became of a run."""
        took = timedelta(seconds=round(time.monotonic() - self._began.pop(run.folder)))
        self._done += error is None
        if self._bars:
            _, task = self._tasks.pop(run.folder)
            self._bars.remove_task(task)
            self._bars.update(self._whole, completed=self._done)
        found = None if error else finished(self._sweep, run, self._out)
        if found is None:
            self._say(f"{run.name}: FAILED after {took}: {error}")
            return
        metrics = found[self._sweep.tests[0]]
        figures = f"mean IoU {100 * metrics['mean_iou']:.2f}, pixel accuracy {100 * metrics['pixel_accuracy']:.2f}"
        self._say(f"[{self._done}/{self._total}] {run.name}: {figures} ({took})")

    def _say(self, text: str) -> None:
        self.console.print(text, soft_wrap=True, markup=False)


def _planned(run: Run) -> str:
    training = run.recipe.training
    return counted(training.iterations, "iteration") if training.minutes is None else in_words(training.minutes)


def _iteration(metrics: Path) -> int:
    """The iteration that a training wrote a line about last; 0 before the first."""
    try:
        with metrics.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - TAIL))
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return 0
    # What follows the last line break is still being written.
    for line in reversed(lines[:-1]):
        try:
            return int(json.loads(line)["iteration"])
        except ValueError:
            continue
    return 0
