"""Training in `gpu.py`: a step beside the same network as one writes it."""

from collections.abc import Iterator
from pathlib import Path

from gpu_given import NOT_COMPILED
from gpu_report import Promise
from gpu_rows import Bench, Contest, Worker, state_of
from peer_inference import Row
from peer_networks import Case
from peer_training import Step

BATCH = 16

PLAIN, PLAIN_COMPILED = "plain", "plain, torch.compile"
OURS, GRAPHED, OURS_COMPILED = ALL_OURS = ("sceneparse", "sceneparse, training.graph", "sceneparse, training.compile")


class Training:
    """A step, asked of a bench's processes as soon as this is made; see `Inference`.

    Args:
        bench: Where its forms are made and measured.
    """

    def __init__(self, bench: Bench) -> None:
        given, eager = bench.given, bench.worker()
        names = ("upernet50",) if given.quick else ("pspnet50", "upernet50")
        self._steps = [_Steps(bench, given.case(name)) for name in names]
        for steps in self._steps:
            steps.have_made([OURS, GRAPHED, PLAIN], eager)
        for row in (PLAIN_COMPILED, OURS_COMPILED):
            for steps in self._steps:
                steps.have_made([row], None)

    def made(self) -> None:
        """Wait until all rows are made or given up."""
        for steps in self._steps:
            steps.made()

    def measured(self, until: float) -> Iterator[Promise]:
        """Measure what was made, one row at a time.

        Args:
            until: When it has to be done, by `time.monotonic()`.
        """
        for steps in self._steps:
            steps.measure(until)
            yield from steps.promises()


class _Steps(Contest):
    """The steps of a network, in all forms."""

    def __init__(self, bench: Bench, case: Case) -> None:
        self.batch = 2 if bench.given.quick else BATCH
        # As is usual, the backward pass counts twice the forward pass; the auxiliary head is left out.
        super().__init__(bench, case, f"{case.name}, a step of {self.batch}", 3 * self.batch)

    def have_made(self, rows: list[str], worker: Worker | None) -> None:
        """Have rows made, in a process or, where it is None, in one of their own; what cannot be is left out."""
        given, weights = self.bench.given, self.bench.state(self.case)
        for row in rows:
            if row in (PLAIN_COMPILED, OURS_COMPILED) and given.quick:
                self.leave_out(row, NOT_COMPILED)
            elif row == GRAPHED and not given.on_gpu:
                self.leave_out(row, "graphs are CUDA's")
            else:
                where = worker or self.bench.worker(yielding=row == OURS_COMPILED)
                network = row.partition(",")[0]
                self.add(row, network, where, step, self.case, _row(row), weights, str(given.device), self.batch)

    def promises(self) -> Iterator[Promise]:
        """The better of ours beside the others."""
        name, ours = self.case.name, [row for row in ALL_OURS if row in self.times]
        best = min(ours, key=self.times.__getitem__) if ours else None
        untried = self.lacks(ALL_OURS)
        for row, bound in ((PLAIN, 2.2), (PLAIN_COMPILED, 1.5)):
            yield Promise(
                "training",
                f"{name}: times as fast as {row}",
                self.times[row] / self.times[best] if best and row in self.times else None,
                bound,
                rows=dict(self.times),
                unit="ms",
                shares=self.shares(),
                missing=self.lacks([row]),
                untried=untried,
            )
        if self.bench.given.on_gpu:
            yield Promise(
                "training",
                f"{name}: of the memory of {PLAIN_COMPILED}",
                self.peaks[best] / self.peaks[PLAIN_COMPILED] if best and PLAIN_COMPILED in self.times else None,
                0.6,
                at_most=True,
                rows={row: self.peaks[row] / 2**20 for row in self.times},
                unit="MiB",
                missing=self.lacks([PLAIN_COMPILED]),
                untried=untried,
            )


def step(case: Case, row: Row, state: Path, device: str, batch: int) -> Step:
    """What a row computes; see `Step`."""
    return Step(case, row, state_of(state), device, batch)


def _row(name: str) -> Row:
    engines = {GRAPHED: "graph", PLAIN_COMPILED: "compile", OURS_COMPILED: "compile"}
    return Row(name, engines.get(name, "channels-last"), "bfloat16")
