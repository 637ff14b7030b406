"""Pictures to labels in `gpu.py`: ours beside other networks and forms, and the first answers of a new size."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from gpu_given import NOT_COMPILED
from gpu_report import Promise
from gpu_rows import Bench, Contest, Failed, Worker, state_of
from peer_networks import PEERS, PREPROCESSING, Case, Labeller
from sceneparse.inference import TestProtocol, label, make_engine
from sceneparse.inference.engine import TaskEngine
from sceneparse.inference.graphs import BEFORE
from sceneparse.inference.scoring import label_batch
from sceneparse.networks import resize

OURS, COMPILED = "sceneparse", "sceneparse --engine compile"
PLAIN, AUTOTUNED = "plain, channels-last", "plain, torch.compile max-autotune"
PEERS_COMPILED = {"transformers UperNet, torch.compile": "transformers UperNet", "torchvision FCN, torch.compile": ""}
"""Rows of other packages, and which networks have them: those that name them as peers, or, where empty, all."""

ONE, SEVERAL = 1, 16
"""Pictures at once."""

ANSWERS = BEFORE + 2
"""Answers of a new size that are timed: the first, those up to the one for which it is recorded, and one after it."""


class Inference:
    """Pictures to labels, asked of a bench's processes as soon as this is made.

    Rows that need no compiler share a process. Those of others are begun before ours that needs one, and go before it.

    Args:
        bench: Where they are made and measured.
    """

    def __init__(self, bench: Bench) -> None:
        self.bench, given = bench, bench.given
        names = ("upernet50",) if given.quick else ("pspnet50", "upernet50")
        self._cases = {name: given.case(name) for name in names}
        self._eager = bench.worker()
        self._subjects = [
            Subject(bench, self._eager, case, count, bound)
            for count, bound in ((ONE, 2.0), (2 if given.quick else SEVERAL, 1.3))
            for case in self._cases.values()
        ]
        for subject in self._subjects:
            subject.compile(yielding=False)
        for subject in self._subjects:
            subject.compile(yielding=True)

    def made(self) -> None:
        """Wait until all rows are made or given up."""
        for subject in self._subjects:
            subject.made()

    def measured(self, until: float) -> Iterator[Promise]:
        """Measure what was made, one row at a time.

        Args:
            until: When it has to be done, by `time.monotonic()`.
        """
        for subject in self._subjects:
            subject.measure(until)
            yield subject.promise()
        for case in self._cases.values():
            what, found, missing = f"{case.name}: seconds to any of a new size's first answers", None, {}
            try:
                number = self._eager.ask("call", first_answers, case, self.bench.given.device)
                found = self._eager.answer(number, until)
            except Failed as failed:
                missing = {OURS: str(failed)}
            yield Promise("inference", what, found, 1.5, at_most=True, missing=missing)


class Subject(Contest):
    """A network and the number of pictures that it is given.

    Args:
        bench: Where its rows are made and measured.
        eager: The process of those that need no compiler.
        case: The network.
        batch: How many pictures.
        bound: How many times as fast as the fastest of the others ours has to be.
    """

    def __init__(self, bench: Bench, eager: Worker, case: Case, batch: int, bound: float) -> None:
        super().__init__(bench, case, f"{case.name}, batch {batch}", batch)
        self.batch, self.bound = batch, bound
        self.others = [PLAIN, AUTOTUNED]
        self.others += [row for row, of in PEERS_COMPILED.items() if not of or of in case.peers]
        for row in (OURS, PLAIN):
            self._have_made(row, eager)

    def compile(self, *, yielding: bool) -> None:
        """Have the rows made that need a compiler: those that ours is compared with, or those of ours."""
        for row in [COMPILED] if yielding else self.others[1:]:
            if self.bench.given.quick:
                self.leave_out(row, NOT_COMPILED)
            else:
                self._have_made(row, self.bench.worker(yielding=yielding))

    def _have_made(self, row: str, worker: Worker) -> None:
        case, weights, device = self.case, self.bench.state(self.case), self.bench.given.device
        self.add(row, _network(row), worker, form, case, row, weights, self.batch, device)

    def promise(self) -> Promise:
        """The better of ours beside the fastest of the others."""
        ours = [self.times[row] for row in (OURS, COMPILED) if row in self.times]
        others = [self.times[row] for row in self.others if row in self.times]
        return Promise(
            "inference",
            f"{self.name}: times as fast as the fastest of the others",
            min(others) / min(ours) if ours and others else None,
            self.bound,
            rows=dict(self.times),
            unit="ms",
            shares=self.shares(),
            missing=self.lacks(self.others),
            untried=self.lacks([OURS, COMPILED]),
        )


def _network(row: str) -> str:
    """A row's network: sceneparse, plain, or a peer's name."""
    return OURS if row == COMPILED else row.partition(",")[0]


def form(case: Case, row: str, state: Path, batch: int, device: torch.device) -> Callable[[], object]:
    """What a row computes: pictures to labels, both in main memory.

    Args:
        case: The network.
        row: Which.
        state: The file of its weights.
        batch: How many pictures.
        device: Where.
    """
    pictures, weights = case.picture(batch), state_of(state)
    if row in (OURS, COMPILED):
        engine = _engine(case, weights, device, "compile" if row == COMPILED else "torch")
        if batch == 1:
            return lambda: label(engine, pictures[0], TestProtocol())
        return lambda: label_batch(engine, pictures)
    peer = PEERS.get(_network(row))
    network = case.ours("plain") if peer is None else peer.make(case)
    if peer is None:
        network.load_state_dict(weights)
    elif "FCN" not in row:  # another network than ours
        peer.load(network, weights)
    network = network.eval().requires_grad_(False).to(device, torch.bfloat16).to(memory_format=torch.channels_last)
    multiple = 1 if peer is None else peer.multiple
    function: Callable[[Tensor], Tensor] = Labeller(network, torch.bfloat16, multiple, "labels", torch.channels_last)
    if row != PLAIN:
        mode = "max-autotune" if row == AUTOTUNED else "default"
        function = torch.compile(function, dynamic=False, mode=mode)

    @torch.inference_mode()
    def run() -> Tensor:
        return function(pictures.to(device)).to(torch.int16).cpu()

    return run


def _engine(
    case: Case, state: dict[str, Tensor], device: torch.device, engine: Literal["torch", "compile"]
) -> TaskEngine:
    network = case.ours("exact")
    network.load_state_dict(state)
    return make_engine(network, PREPROCESSING, engine=engine, device=device, precision="bfloat16")


def first_answers(case: Case, device: torch.device) -> float:
    """The longest of the times to the first labels of sizes that were not met before, in seconds.

    Each size is shown until after it was recorded as a graph, since that is a pause, too.
    """
    engine = make_engine(case.ours("exact"), PREPROCESSING, engine="torch", device=device)
    longest = 0.0
    for more in (0, 32, 37):
        picture = resize(case.picture()[:1].float(), (case.side + more, case.side + 2 * more), False)[0].to(torch.uint8)
        for _ in range(ANSWERS):
            began = time.perf_counter()
            label(engine, picture, TestProtocol())
            # The very first answers load libraries.
            longest = max(longest, time.perf_counter() - began) if more else 0.0
    return longest
