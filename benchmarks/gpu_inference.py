"""Pictures to labels in `gpu.py`: ours beside other networks and forms, and the first answer of a new size."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from command_line import note
from gpu_given import Given, reason_of
from gpu_report import Promise
from peer_inference import Row
from peer_networks import PEERS, PREPROCESSING, Case, Labeller, imitate_training
from sceneparse.inference import TestProtocol, label, make_engine
from sceneparse.inference.engine import TaskEngine
from sceneparse.inference.scoring import label_batch
from sceneparse.networks import resize

OURS, COMPILED = "sceneparse", "sceneparse --engine compile"

PLAIN = "plain, channels-last"
AUTOTUNED, REDUCED = "plain, torch.compile max-autotune", "plain, torch.compile reduce-overhead"

NOT_YET = "it was not come to"


@dataclass
class Subject:
    """A network and the number of pictures that it is given.

    Args:
        case: The network.
        state: Its weights.
        batch: How many pictures.
        bound: How many times as fast as the fastest of the others ours has to be.
        times: Median milliseconds of the rows that were measured.
        reasons: Why others were not.
    """

    case: Case
    state: dict[str, Tensor]
    batch: int
    bound: float
    times: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def peers(self) -> list[str]:
        """The rows of other packages."""
        return [f"{peer}, torch.compile" for peer in ("transformers UperNet",) if peer in self.case.peers] + [
            "torchvision FCN, torch.compile"
        ]

    def promise(self) -> Promise:
        """What is known by now: the better of ours beside the fastest of the others."""
        ours = {row: self.times[row] for row in (OURS, COMPILED) if row in self.times}
        others = {row: time for row, time in self.times.items() if row not in ours}
        needed = (PLAIN, AUTOTUNED, *self.peers)
        return Promise(
            "inference",
            f"{self.case.name}, batch {self.batch}: times as fast as the fastest of the others",
            min(others.values()) / min(ours.values()) if ours and others else None,
            self.bound,
            rows=dict(self.times),
            missing={row: self.reasons.get(row, NOT_YET) for row in needed if row not in self.times},
            untried={COMPILED: self.reasons.get(COMPILED, NOT_YET)} if COMPILED not in self.times else {},
        )


def of_inference(given: Given) -> Iterator[Promise]:
    """Pictures to labels.

    First what needs no compiler, of all. Then what decides most, so that it is known where the time ends early: of one
    picture before sixteen, and of the forms that a compiler makes max-autotune's before those of other packages.
    """
    names = ("upernet50",) if given.quick else ("pspnet50", "upernet50")
    cases = {name: given.case(name) for name in names}
    states = {name: imitate_training(case.ours("exact"), case) for name, case in cases.items()}
    ones = [Subject(case, states[name], 1, 2.0) for name, case in cases.items()]
    several = [Subject(case, states[name], 2 if given.quick else 16, 1.3) for name, case in cases.items()]
    for subject in (*ones, *several):
        yield from _measured(subject, given, [PLAIN])
    for case in cases.values():
        what = f"{case.name}: seconds to a new size's first answer"
        yield Promise("inference", what, _first(case, given), 1.5, at_most=True)
    for subjects in (ones, several):
        for subject in subjects:
            yield from _measured(subject, given, [COMPILED], [AUTOTUNED])
        for subject in subjects:
            yield from _measured(subject, given, [*subject.peers, REDUCED])


def _measured(subject: Subject, given: Given, *stages: list[str]) -> Iterator[Promise]:
    """Measure rows beside ours, and say after each stage what is known by then."""
    case, state = subject.case, subject.state
    note(f"{case.name}, batch {subject.batch}")
    pictures = case.picture(subject.batch)
    forms: dict[str, Callable[[], object]] = {}
    for rows in stages:
        before = len(forms)
        for row in rows:
            mode = _mode(row)
            reason = None if mode is None else given.why_not_compiled(mode)
            if reason is None:
                try:
                    form = _form(subject, row, pictures, given.device, mode)
                    form()
                    forms[row] = form
                except Exception as error:  # whatever a compiler raises
                    reason = reason_of(error)
            if reason is not None:
                subject.reasons[row] = reason
                note(f"  {row}: left out: {reason}")
        if len(forms) > before:
            if OURS not in forms:
                engine = _engine(case, state, given.device)
                forms = {OURS: _ours(engine, pictures), **forms}
            subject.times |= given.turns(forms)
            note(f"  {OURS}: {engine.describe()}")
        yield subject.promise()
    if forms:
        torch.compiler.reset()


def _mode(row: str) -> str | None:
    """How a row is compiled; None for not at all."""
    if row == PLAIN:
        return None
    return {AUTOTUNED: "max-autotune", REDUCED: "reduce-overhead"}.get(row, "default")


def _form(subject: Subject, row: str, pictures: Tensor, device: torch.device, mode: str | None) -> Callable[[], object]:
    case, state = subject.case, subject.state
    if row == COMPILED:
        return _ours(_engine(case, state, device, "compile"), pictures)
    engine = "channels-last" if mode is None else "compile"
    return _theirs(case, Row(row, engine, "bfloat16", shares="FCN" not in row), state, pictures, device, mode)


def _engine(
    case: Case, state: dict[str, Tensor], device: torch.device, engine: Literal["torch", "compile"] = "torch"
) -> TaskEngine:
    network = case.ours("exact")
    network.load_state_dict(state)
    return make_engine(network, PREPROCESSING, engine=engine, device=device, precision="bfloat16")


def _ours(engine: TaskEngine, pictures: Tensor) -> Callable[[], object]:
    if len(pictures) == 1:
        return lambda: label(engine, pictures[0], TestProtocol())
    return lambda: label_batch(engine, pictures)


def _theirs(
    case: Case, row: Row, state: dict[str, Tensor], pictures: Tensor, device: torch.device, mode: str | None
) -> Callable[[], object]:
    peer = PEERS.get(row.network)
    network = case.ours("plain") if peer is None else peer.make(case)
    if peer is None:
        network.load_state_dict(state)
    elif row.shares:
        peer.load(network, state)
    network = network.eval().requires_grad_(False).to(device, torch.bfloat16).to(memory_format=torch.channels_last)
    multiple = 1 if peer is None else peer.multiple
    function: Callable[[Tensor], Tensor] = Labeller(network, torch.bfloat16, multiple, "labels", torch.channels_last)
    if mode is not None:
        function = torch.compile(function, dynamic=False, mode=mode)

    @torch.inference_mode()
    def run() -> Tensor:
        return function(pictures.to(device)).to(torch.int16).cpu()

    return run


def _first(case: Case, given: Given) -> float:
    """The longest time to the labels of a size that was not met before."""
    engine = make_engine(case.ours("exact"), PREPROCESSING, engine="torch", device=given.device)
    longest = 0.0
    for more in (0, 32, 64, 37):
        picture = resize(case.picture()[:1].float(), (case.side + more, case.side + 2 * more), False)[0].to(torch.uint8)
        began = time.perf_counter()
        label(engine, picture, TestProtocol())
        # The very first answer loads libraries.
        longest = max(longest, time.perf_counter() - began) if more else 0.0
    return longest
