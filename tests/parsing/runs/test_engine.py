"""What all runs over videos, volumes and rasters do alike."""

from dataclasses import dataclass
from pathlib import Path

import torch

from sceneparse.labels import LabelSpace
from sceneparse.parsing.runs.engine import Run, run_jobs
from tests.support.brightest import brightest_parser


@dataclass(frozen=True)
class Input:
    shown: str


@dataclass(frozen=True)
class Fails:
    """A job that fails, unless it has nothing to fail with."""

    error: Exception | None

    def is_done(self) -> bool:
        return False

    def run(self) -> list[str]:
        if self.error is not None:
            raise self.error
        return []


def test_one_too_large_for_the_memory_costs_only_itself(tmp_path: Path) -> None:
    errors = {"a.mp4": torch.OutOfMemoryError("CUDA out of memory."), "b.mp4": MemoryError(), "c.mp4": None}
    run = Run(tmp_path, "video", progress=False)
    parser, sources = brightest_parser(labels=LabelSpace(("a", "b", "c"))), map(Input, errors)
    run_jobs(run, parser, sources, lambda source: Fails(errors[source.shown]), out=tmp_path, again=False)
    summary = run.tally.stream_summary(1.0)
    assert (summary.done, [failure.file for failure in summary.failures]) == (1, ["a.mp4", "b.mp4"])
    assert "b.mp4: not enough memory for a picture of this size" in summary.failures[1].reason
