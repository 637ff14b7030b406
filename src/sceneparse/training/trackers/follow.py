"""Hand a training's figures to its trackers, without waiting for any of them."""

import json
import os
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Any

from sceneparse.errors import UserError
from sceneparse.files import write_json
from sceneparse.processes import Processes
from sceneparse.recipes import to_mapping
from sceneparse.recipes.flat import flat_settings
from sceneparse.settings import Recipe
from sceneparse.training.progress import TrainingStopped
from sceneparse.training.trackers.kind import TrackedRun, Tracker, TrackerKind
from sceneparse.training.trackers.table import TRACKERS

FILE = "trackers.json"
"""In the run folder: by tracker the run's identity, project and name there, and the last point of each kind that was
handed over."""

PROJECT = "sceneparse"
"""The project where neither the settings nor the tracker's own variables name one."""

OPENING, ENDING = 20.0, 60.0
"""Seconds that a training waits for its trackers at its beginning and its end."""

WAITING = 10_000
"""Points that wait for a tracker at most; further ones are left out."""

FAILED = object()
"""What a call to a tracker that raised gives."""

Say = Callable[[str], None]


class Trackers:
    """The trackers of a run, all of them open.

    Args:
        kinds: The trackers by name.
        runs: What each is given of the run, by the same names.
        book: What is known of the runs there.
        say: Called with a line for the user where a tracker fails.
    """

    def __init__(
        self, kinds: Mapping[str, TrackerKind], runs: Mapping[str, TrackedRun], book: "_Book", say: Say
    ) -> None:
        self._followers = [_Follower(name, kind, runs[name], book, say) for name, kind in kinds.items()]
        deadline = time.monotonic() + OPENING
        for follower in self._followers:
            follower.wait_opened(deadline)

    def log(self, kind: str, iteration: int, values: Mapping[str, Any]) -> None:
        """Hand over a line of metrics.jsonl; what is no number is left out.

        Args:
            kind: "train" or "validation".
            iteration: Iterations done.
            values: The line's figures.
        """
        numbers = {
            f"{kind}/{key}": float(value)
            for key, value in values.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        for follower in self._followers:
            follower.hand(kind, iteration, numbers)

    def end(self, status: str) -> None:
        """End the runs: finished, stopped or failed."""
        for follower in self._followers:
            follower.end(status)
        deadline = time.monotonic() + ENDING
        for follower in self._followers:
            follower.wait_ended(deadline)
        self._followers = []

    def end_with(self, error: type[BaseException] | None) -> None:
        """End the runs as a training ends that raised an error of this class, or none."""
        if error is None:
            self.end("finished")
        else:
            self.end("stopped" if issubclass(error, TrainingStopped | KeyboardInterrupt) else "failed")


class _Book:
    """trackers.json: what a training that goes on must know, written after each point."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._entries: dict[str, dict[str, Any]] = {}
        if path.exists():
            try:
                self._entries = json.loads(path.read_text(encoding="utf-8"))
            except ValueError:  # damaged: the runs begin anew, as they would without it
                self._entries = {}

    def get(self, tracker: str, key: str) -> Any:
        return self._entries.get(tracker, {}).get(key)

    def note(self, tracker: str, **values: Any) -> None:
        # A full disk is found by what the training itself writes.
        with self._lock, suppress(OSError):
            self._entries.setdefault(tracker, {}).update(values)
            write_json(self._path, self._entries)


class _Follower:
    """A tracker in a thread of its own: opened there, handed points, and ended."""

    def __init__(self, name: str, kind: TrackerKind, run: TrackedRun, book: _Book, say: Say) -> None:
        self._name, self._kind, self._run, self._say, self._book = name, kind, run, say, book
        self._queue: Queue[tuple[str, int, dict[str, float]] | str] = Queue(WAITING)
        self._opened, self._warned, self._given_up = threading.Event(), False, False
        # Not waited for by the interpreter: a tracker that hangs must not keep a finished training alive.
        self._thread = threading.Thread(target=self._work, name=f"tracker {name}", daemon=True)
        self._thread.start()

    def hand(self, kind: str, iteration: int, values: dict[str, float]) -> None:
        # Steps that are done again after a stop were handed over before.
        if iteration <= (self._book.get(self._name, kind) or 0):
            return
        try:
            self._queue.put_nowait((kind, iteration, values))
        except Full:
            self._warn(f"does not keep up: from iteration {iteration} on, points are missing there")

    def end(self, status: str) -> None:
        try:
            self._queue.put_nowait(status)
        except Full:
            self._given_up = True

    def wait_opened(self, deadline: float) -> None:
        if not self._opened.wait(max(0.0, deadline - time.monotonic())):
            self._warn("takes long to open; the training does not wait for it")

    def wait_ended(self, deadline: float) -> None:
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            self._warn("did not take all points in time")

    def _work(self) -> None:
        tracker = self._attempt(self._kind.open, self._run)
        self._opened.set()
        if tracker is FAILED:
            return
        self._book.note(self._name, identity=tracker.identity, project=self._run.project, name=self._run.name)
        self._serve(tracker)

    def _serve(self, tracker: Tracker) -> None:
        while not self._given_up:
            try:
                item = self._queue.get(timeout=1.0)
            except Empty:
                continue
            if isinstance(item, str):
                self._attempt(tracker.finish, item)
                return
            kind, iteration, values = item
            if self._attempt(tracker.log, values, iteration) is not FAILED:
                self._book.note(self._name, **{kind: iteration})

    def _attempt(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """What a call gives; `FAILED` where it raises, which is said once."""
        try:
            return call(*arguments)
        except BaseException as error:  # some packages end a run by SystemExit or KeyboardInterrupt of their own
            reason = " ".join(str(error).split()) or type(error).__name__
            self._warn(f"failed ({reason[:300]}); the training goes on")
            return FAILED

    def _warn(self, text: str) -> None:
        if not self._warned:
            self._warned = True
            self._say(f"warning: {self._kind.title} {text}; metrics.jsonl holds all figures")


def usable_trackers(names: Sequence[str]) -> dict[str, TrackerKind]:
    """Return the trackers of these names.

    Raises:
        UserError: A package is missing, or a tracker cannot be used as things are.
    """
    found = {name: TRACKERS[name] for name in names}
    for name, kind in found.items():
        kind.refuse_missing(name)
    return found


def refuse_unusable(names: Sequence[str], processes: Processes) -> None:
    """Refuse trackers that cannot be used by the first process, which alone hands points over; all call it together.

    Args:
        names: The trackers.
        processes: This process among those that train together.

    Raises:
        UserError: As `usable_trackers`, in every process, so that none waits for one that has ended.
    """
    if not names:
        return
    refusal: UserError | None = None
    if processes.first:
        try:
            usable_trackers(names)
        except UserError as error:
            refusal = error
    if processes.any(refusal is not None):
        raise refusal or UserError("tracking.trackers: the first process cannot use them: see what it says")


def follow(recipe: Recipe, folder: Path, say: Say) -> Trackers | None:
    """Open the runs of a recipe's trackers, as new or those that trackers.json names; None where it has none.

    Args:
        recipe: What is trained, as the run has it.
        folder: The run folder.
        say: Called with a line for the user where a tracker fails, or a run stays what it was.
    """
    if not recipe.tracking.trackers:
        return None
    kinds, book = usable_trackers(recipe.tracking.trackers), _Book(folder / FILE)
    runs = {name: _tracked(recipe, folder, name, kind, book, say) for name, kind in kinds.items()}
    return Trackers(kinds, runs, book, say)


def _tracked(recipe: Recipe, folder: Path, tracker: str, kind: TrackerKind, book: _Book, say: Say) -> TrackedRun:
    """What a tracker is given of a run. One that goes on stays in its project, under its name."""
    settings, own = recipe.tracking, folder.resolve().name
    project = settings.project or _variable(kind.project_variable)
    if re.fullmatch(r"seed\d+", own):
        # A sweep's run folders are all called by their seeds; its recipes are named by their rows too.
        name, usual = settings.name, recipe.name
    else:
        name, usual = settings.name or _variable(kind.name_variable), own
    began = {key: book.get(tracker, key) for key in ("project", "name")}
    asked = {"project": project, "name": name}
    changed = [key for key, value in asked.items() if value and began[key] not in (None, value)]
    if changed:
        stays, otherwise = (", ".join(f"{key} '{one[key]}'" for key in changed) for one in (began, asked))
        say(
            f"note: the run in {kind.title} goes on as it began, with {stays}, not {otherwise}; a new one begins where "
            f"{folder / FILE} is removed before"
        )
    return TrackedRun(
        folder=folder,
        project=began["project"] or project or PROJECT,
        name=began["name"] or name or usual,
        settings=flat_settings(to_mapping(recipe)),
        identity=book.get(tracker, "identity"),
    )


def _variable(name: str | None) -> str | None:
    """What a variable of the environment says; None where it says nothing."""
    return os.environ.get(name) or None if name else None
