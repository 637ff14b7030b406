"""Open a run folder for writing, and remove what is newer than the checkpoint that a training goes on from."""

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from sceneparse.data.class_changes import changes_in
from sceneparse.files import write_text
from sceneparse.recipes import to_yaml
from sceneparse.training.announcing import facts_of
from sceneparse.training.checkpoint import Checkpoints
from sceneparse.training.class_weights import CHANGES, write_changes
from sceneparse.training.failure import FOLDER as FAILURE
from sceneparse.training.prepare import Prepared
from sceneparse.training.progress import say_once
from sceneparse.training.record import Record
from sceneparse.training.run import write_run
from sceneparse.training.trackers.follow import FILE as TRACKERS
from sceneparse.training.trackers.follow import Trackers, follow
from sceneparse.training.written import BUDGET, read_budget
from sceneparse.weights.run_folder import CHECKPOINTS, MODEL, RECIPE, last_iteration, run_facts


@dataclass(frozen=True)
class Stopwatch:
    """The time that a training has taken, stops left out.

    Args:
        before: Seconds up to the checkpoint that it went on from.
        began: `time.monotonic()` when it went on.
    """

    before: float
    began: float

    def seconds(self) -> float:
        """Return the seconds up to now."""
        return self.before + time.monotonic() - self.began


@dataclass(frozen=True)
class RunFolder:
    """The folder of a run, open for writing.

    Args:
        path: The folder.
        checkpoints: Its checkpoints.
        record: Its metrics.jsonl; None in all processes but the first, which alone writes.
        facts: What run.json says from the beginning.
        trackers: What else gets the figures; None where nothing does.
    """

    path: Path
    checkpoints: Checkpoints
    record: Record | None
    facts: dict[str, Any]
    trackers: Trackers | None = None

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Write down a failure that run.json doesn't know of, and end the runs in the trackers as the training ends."""
        if self.record is not None and isinstance(error, Exception) and run_facts(self.path).get("status") == "running":
            with suppress(OSError):  # on a full disk
                write_run(self.path, "failed", {**self.facts, "iteration": last_iteration(self.path) or 0})
        if self.trackers is not None:
            self.trackers.end_with(kind)


def begin_run(prepared: Prepared, path: Path, *, going_on: bool) -> RunFolder:
    """Write recipe, start and run.json, and remove what is newer than the checkpoint that the training goes on from.

    Args:
        prepared: The training.
        path: The run folder.
        going_on: Whether this training began here before, with a checkpoint left of it or none: its runs in the
            trackers go on.
    """
    checkpoint, budget = prepared.checkpoint, _own_budget(prepared, path)
    folder = RunFolder(
        path,
        Checkpoints(path / CHECKPOINTS),
        None,
        {**facts_of(prepared), **({} if budget is None else {"budget": budget})},
    )
    if not prepared.compute.processes.first:
        return folder
    if budget is None:
        (path / BUDGET).unlink(missing_ok=True)
    if not going_on:  # before the recipe says which training the runs in the trackers are of
        (path / TRACKERS).unlink(missing_ok=True)
    if prepared.started is not None:
        prepared.started.write(path)
    changed = changes_in(prepared.data.training)
    if changed is not None and not (path / CHANGES).exists():
        write_changes(changed, path)
    write_text(path / RECIPE, to_yaml(prepared.recipe))
    folder.checkpoints.forget_after(checkpoint)
    trackers = follow(prepared.recipe, path, say_once)
    record = Record(
        path,
        checkpoint.metrics_bytes if checkpoint else 0,
        prepared.start,
        say_once,
        None if trackers is None else trackers.log,
    )
    write_run(path, "running", folder.facts)
    return RunFolder(path, folder.checkpoints, record, folder.facts, trackers)


def remove_unfinished(path: Path) -> None:
    """Remove what a training that was killed had begun to write into its run folder."""
    for leftover in path.glob(f".{MODEL}.*.tmp"):
        shutil.rmtree(leftover, ignore_errors=True)
    Checkpoints(path / CHECKPOINTS).remove_unfinished()
    for leftover in (*path.glob(".*.tmp.*"), *(path / FAILURE).rglob(".*.tmp.*")):
        leftover.unlink(missing_ok=True)


def _own_budget(prepared: Prepared, path: Path) -> dict[str, Any] | None:
    """The budget of the folder, unless it is of a training that left nothing else there."""
    budget = read_budget(path)
    return budget if budget is not None and budget["iterations"] == prepared.recipe.training.iterations else None
