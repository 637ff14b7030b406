"""A tracker that writes into the run folder: what it was given outlives the process that is killed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from sceneparse.training.record import TIME_FIELDS
from sceneparse.training.trackers.kind import TrackedRun, TrackerKind

NAME = "tracked"
"""What `tracking.trackers` calls it where it is in the table."""


class Tracked:
    """A run of it; see `sceneparse.training.trackers.kind.Tracker`."""

    def __init__(self, run: TrackedRun) -> None:
        self.identity = run.identity or uuid4().hex
        self._file = file_of(run.folder, self.identity)

    def log(self, values: Mapping[str, float], iteration: int) -> None:
        """Add a point."""
        self._add({"iteration": iteration, **values})

    def finish(self, status: str) -> None:
        """End the run here."""
        self._add({"end": status})

    def _add(self, line: dict[str, Any]) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


KIND = TrackerKind("Tracked", "json", "it is there", Tracked)


def file_of(folder: Path, identity: str) -> Path:
    """The file of a run."""
    return folder / f"tracked-{identity}.jsonl"


def as_points(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lines of metrics.jsonl as a tracker gets them, without what depends on time."""
    return [
        {"iteration": line["iteration"]}
        | {
            f"{line['kind']}/{key}": float(value)
            for key, value in line.items()
            if isinstance(value, int | float) and key != "iteration" and key not in TIME_FIELDS
        }
        for line in lines
    ]


def points_of(folder: Path, identity: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The points of a run without what depends on time, and how it ended, each time."""
    lines = [json.loads(line) for line in file_of(folder, identity).read_text(encoding="utf-8").splitlines()]
    points = [
        {key: value for key, value in line.items() if key.partition("/")[2] not in TIME_FIELDS}
        for line in lines
        if "end" not in line
    ]
    return points, [line["end"] for line in lines if "end" in line]
