"""One network in one task: its rows built, compared, timed and weighed."""

import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor

import peer_inference
import peer_training
from peer_inference import Row
from peer_measuring import ratio
from peer_networks import PEERS, Case, imitate_training, multiply_adds
from sceneparse.benching.timing import Run, peak_alone, take_turns
from sceneparse.devices import choose_precision
from sceneparse.devices import device_name as gpu_name

REFERENCES = ("sceneparse, auto", "sceneparse")
"""What ratios are to, in inference and in training."""


class Given(NamedTuple):
    """How much is measured.

    Args:
        repeats: Rounds.
        warm_up: Rounds before them.
        batch: Pictures in a training step.
        rows: Texts; rows whose names hold none of them are left out. Empty takes all.
        memory: Whether memory is measured.
    """

    repeats: int
    warm_up: int
    batch: int
    rows: tuple[str, ...]
    memory: bool


@dataclass
class Figures:
    """What was measured of a row; None where there is nothing to say.

    `ratio` is to sceneparse in the same precision, `ratio_auto` to sceneparse in the precision it takes by itself;
    `multiply_adds` in 10⁹ for one picture in inference; `labels_equal` is the share of pixels whose label is plain
    float32's; `loss_difference` is relative to plain float32's.
    """

    task: str
    network: str
    row: str
    engine: str
    precision: str
    side: int
    batch: int
    device: str
    threads: int
    ms: float | None = None
    pictures_per_second: float | None = None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    ratio_auto: float | None = None
    ratio_auto_low: float | None = None
    ratio_auto_high: float | None = None
    peak_mib: float | None = None
    peak_ratio: float | None = None
    labels_equal: float | None = None
    loss_difference: float | None = None
    multiply_adds: float | None = None
    note: str = ""


class Bench:
    """One network in one task."""

    def __init__(self, task: str, case: Case, given: Given, device: torch.device) -> None:
        self.task, self.case, self.given, self.device = task, case, given, device
        self.threads = torch.get_num_threads()
        self.best: str = choose_precision(device)
        self.batch = 1 if task == "inference" else given.batch
        rows = peer_inference.rows_of(case, self.best) if task == "inference" else peer_training.rows_of(case)
        if given.rows:
            rows = [r for r in rows if r.name in REFERENCES or any(text in r.name for text in given.rows)]
        self.rows = rows
        self.figures = {row: self._empty(row) for row in rows}
        self.until: dict[Row, str | None] = {}

    def measure(self) -> list[Figures]:
        """All rows."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.say("weights")
            state = imitate_training(self.case.ours("exact"), self.case)
            self.count()
            self.times(state)
        if self.given.memory:
            self.memory(state)
        return list(self.figures.values())

    def say(self, text: str) -> None:
        """Progress."""
        print(f"{self.case.name}, {self.task}: {text}", file=sys.stderr, flush=True)

    def count(self) -> None:
        """Multiply-adds of every network."""
        for row in self.measured():
            self.figures[row].multiply_adds = round(multiply_adds(self.case, row.network), 2)

    def times(self, state: dict[str, Tensor]) -> None:
        """Build all rows, compare what they give, and let them take turns."""
        runs: dict[Row, Run] = {}
        results: dict[Row, Tensor] = {}
        for row in self.measured():
            self.say(f"building {row.name}, {row.precision}")
            try:
                runs[row], results[row] = self._built(row, state)
            except Exception as error:
                if row.network == "sceneparse":
                    raise
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                self.figures[row].note = f"failed: {reason[:120]}"
        self._compare(results)
        times = take_turns(runs, self.device, self.given.repeats, self.given.warm_up, self.say)
        reference = self._references()
        for row in results:
            figures, mine = self.figures[row], times[row]
            figures.ms = round(median(mine), 2)
            figures.pictures_per_second = round(1000 * self.batch / median(mine), 3)
            same = ratio(mine, times[reference[row.precision]])
            auto = ratio(mine, times[reference[self.best]])
            figures.ratio, figures.ratio_low, figures.ratio_high = (round(value, 3) for value in same)
            figures.ratio_auto, figures.ratio_auto_low, figures.ratio_auto_high = (round(value, 3) for value in auto)

    def memory(self, state: dict[str, Tensor]) -> None:
        """The peak of every row that was measured."""
        with tempfile.TemporaryDirectory() as folder:
            weights = Path(folder, "weights.pt")
            torch.save(state, weights)
            for row in self.measured():
                if self.figures[row].ms is not None:
                    self.say(f"memory of {row.name}, {row.precision}")
                    self.figures[row].peak_mib = round(self._peak(row, str(weights)), 1)
        reference = self._references()
        for row, figures in self.figures.items():
            own = self.figures[reference[row.precision]].peak_mib
            if figures.peak_mib is not None and own:
                figures.peak_ratio = round(figures.peak_mib / own, 3)

    def _references(self) -> dict[str, Row]:
        """sceneparse's row of each precision."""
        return {row.precision: row for row in self.rows if row.name in REFERENCES}

    def measured(self) -> list[Row]:
        """The rows that can run here."""
        return [row for row in self.rows if _installed(row) and not self._elsewhere(row)]

    def _peak(self, row: Row, weights: str) -> float:
        """MiB of one row."""
        small, device, threads = self.case.quick(), str(self.device), self.threads
        if self.task == "training":
            last = (row, device, threads, self.batch)
            return peak_alone(peer_training.make_step, (small, *last), (self.case, *last), device)
        where = (device, threads, self.until[row])
        return peak_alone(
            peer_inference.make_run, (small, row, None, *where), (self.case, row, weights, *where), device
        )

    def _built(self, row: Row, state: dict[str, Tensor]) -> tuple[Run, Tensor]:
        """A row's function, and what it gives: labels, or a loss."""
        shared = state if row.shares else None
        if self.task == "training":
            step = peer_training.Step(self.case, row, shared, str(self.device), self.batch)
            return step, torch.tensor(step.without_dropout())
        image = self.case.picture()[0]
        function = peer_inference.make_label(self.case, row, shared, str(self.device), self.threads)
        self.until[row] = until = getattr(function, "until", None)
        if until in ("scores", "logits"):
            done = "argmax" if until == "scores" else "interpolation and argmax"
            self.figures[row].note = f"{done} in PyTorch; {self.figures[row].note}".removesuffix("; ")
        return lambda: function(image), function(image)

    def _compare(self, results: dict[Row, Tensor]) -> None:
        """With plain float32, or with ours where that is left out."""
        names = ("plain, channels-last", "plain", *REFERENCES)
        found = [row for name in names for row in results if row.name == name and row.precision == "float32"]
        for row, result in results.items():
            if not row.shares:
                continue
            if self.task == "training":
                self.figures[row].loss_difference = abs(float(result / results[found[0]]) - 1)
            else:
                self.figures[row].labels_equal = round(float((result == results[found[0]]).float().mean()), 6)

    def _empty(self, row: Row) -> Figures:
        note = PEERS[row.network].differs if row.network in PEERS else ""
        if not _installed(row):
            note = "not installed: pip install 'sceneparse[bench]'"
        elif self._elsewhere(row):
            note = "left out: OpenVINO has no CUDA"
        return Figures(
            task=self.task,
            network=self.case.name,
            row=row.name,
            engine=row.engine,
            precision=row.precision,
            side=self.case.side,
            batch=self.batch,
            device=device_name(self.device),
            threads=self.threads,
            note=note,
        )

    def _elsewhere(self, row: Row) -> bool:
        return row.engine == "openvino" and self.device.type != "cpu"


def _installed(row: Row) -> bool:
    return all(find_spec(package) for package in row.packages)


def device_name(device: torch.device) -> str:
    """The device in words."""
    return "CPU" if device.type == "cpu" else gpu_name(device)
