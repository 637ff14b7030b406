"""What `gpu.py` measures in turns: forms that are made in several processes at once and computed one at a time.

A compiler takes a minute of several cores, and what it made is known to its own process alone. So every form that needs
one has a process, which makes it while the others make theirs, and keeps it. Times are taken afterwards, when a single
process computes and all others wait.
"""

import math
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from command_line import note
from gpu_given import Given, card_peak, reason_of
from peer_networks import Case, imitate_training, multiply_adds
from sceneparse.devices import memory, wait
from sceneparse.processes import end_with_parent

Form = Callable[[], object]

WARM = 3
"""Calls before a form is timed: with the third of a size ours is recorded as a graph, as is what PyTorch compiles."""

IN_A_TURN = 3
"""Calls that are timed in a turn, behind one that isn't: others have computed in the meantime."""

TRIES, PAUSE = 4, 5.0
"""Calls of a form that is being made where the device has no memory left, and seconds between them."""

YIELDING = 10
"""Niceness of processes that compile what may be left out: where cores are short, the others have them."""


class Failed(Exception):  # noqa: N818 - what is raised where a form cannot be measured, which is no error of the program
    """Why something was not measured, in a line."""


class Forms:
    """Forms of one process, by name.

    Args:
        device: Where they compute.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._forms: dict[str, Form] = {}

    def make(self, name: str, how: Callable[..., Form], *given: Any) -> float:
        """Make a form and call it until it is as fast as it gets.

        Returns:
            Bytes of the device that it takes at most, beyond what is there after its first call (weights, what an
            optimiser keeps). A graph's memory is taken when it is recorded, which is within.
        """
        form = how(*given)
        self._patiently(form)
        measured = self._device.type == "cuda"
        before = 0
        if measured:
            wait(self._device)
            memory.forget_peak(self._device)
            before = memory.allocated(self._device)
        for _ in range(WARM - 1):
            self._patiently(form)
        self._forms[name] = form
        found = memory.peak_allocated(self._device) - before if measured else 0
        self._tidy()
        return float(found)

    def turn(self, name: str, count: int) -> list[float]:
        """Call a form once, then time so many calls of it, in milliseconds."""
        form = self._forms[name]
        form()
        times = []
        for _ in range(count):
            wait(self._device)
            begin = time.perf_counter()
            form()
            wait(self._device)
            times.append(1000 * (time.perf_counter() - begin))
        self._tidy()
        return times

    def call(self, function: Callable[..., Any], *given: Any) -> Any:
        """What a function returns."""
        return function(*given)

    def _patiently(self, form: Form) -> None:
        """Call a form, again where others that are being made leave it too little memory."""
        for _ in range(TRIES - 1):
            try:
                form()
                return
            except RuntimeError as error:
                if not memory.ran_out(error):
                    raise
            self._tidy()
            time.sleep(PAUSE)
        form()

    def _tidy(self) -> None:
        """Leave the device's memory to other processes."""
        if self._device.type == "cuda":
            wait(self._device)
            memory.give_back(self._device)


class Worker(Protocol):
    """A process that does what `Forms` can."""

    def ask(self, what: str, *given: Any) -> int:
        """Ask for a method of `Forms`; what is returned is the question's number."""
        ...

    def answer(self, number: int, until: float) -> Any:
        """What a question came to.

        Args:
            number: The question's.
            until: When it has to be there, by `time.monotonic()`. A process that is late is ended.

        Raises:
            Failed: It came to nothing, or is late.
        """
        ...


class Here:
    """This process, where questions are answered at once."""

    def __init__(self, device: torch.device) -> None:
        self._forms = Forms(device)
        self._answers: list[tuple[bool, Any]] = []

    def ask(self, what: str, *given: Any) -> int:
        """See `Worker`."""
        self._answers.append(_answered(self._forms, what, given))
        return len(self._answers) - 1

    def answer(self, number: int, until: float) -> Any:  # noqa: ARG002 - it is there already
        """See `Worker`."""
        return _checked(self._answers[number])


class Apart:
    """A process of its own.

    Args:
        device: Where its forms compute.
        yielding: Whether others go before it where cores are short.
    """

    def __init__(self, device: torch.device, *, yielding: bool = False) -> None:
        context = get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._asked, self._answers = 0, list[tuple[bool, Any]]()
        self._lost: str | None = None
        self._process = context.Process(target=_serve, args=(theirs, str(device), YIELDING if yielding else 0))
        self._process.start()
        theirs.close()

    def ask(self, what: str, *given: Any) -> int:
        """See `Worker`."""
        self._asked += 1
        if self._lost is None:
            with suppress(BrokenPipeError):  # the answer says so
                self._ours.send((what, given))
        return self._asked - 1

    def answer(self, number: int, until: float) -> Any:
        """See `Worker`."""
        while len(self._answers) <= number and self._lost is None:
            try:
                if self._ours.poll(max(0.0, until - time.monotonic())):
                    self._answers.append(self._ours.recv())
                else:
                    self._lost = "it was not done in time"
                    self.end()
            except (EOFError, OSError):
                self._process.join()
                self._lost = f"its process ended with {self._process.exitcode}"
        if number < len(self._answers):
            return _checked(self._answers[number])
        raise Failed(self._lost)

    def kill(self) -> None:
        """Have it end, without waiting for that."""
        self._process.kill()

    def end(self) -> None:
        """End it at once."""
        self.kill()
        self._process.join()


def _serve(questions: Connection, device: str, niceness: int) -> None:
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whom Ctrl-C is for ends this one, too
    os.dup2(2, 1)  # compilers print as they like, and figures may go to standard output
    os.nice(niceness)
    forms = Forms(torch.device(device))
    with suppress(EOFError):
        while True:
            what, given = questions.recv()
            questions.send(_answered(forms, what, given))


def _answered(forms: Forms, what: str, given: Sequence[Any]) -> tuple[bool, Any]:
    try:
        return True, getattr(forms, what)(*given)
    except Exception as error:  # whatever a compiler raises
        return False, reason_of(error)


def _checked(answer: tuple[bool, Any]) -> Any:
    good, found = answer
    if not good:
        raise Failed(found)
    return found


class Bench:
    """The processes, and what they share; all of them end with it.

    Args:
        given: What is measured with.
        made: When all forms have to be made, by `time.monotonic()`.
    """

    def __init__(self, given: Given, made: float) -> None:
        self.given, self.made = given, made
        self._workers: list[Apart] = []
        self._folder = tempfile.TemporaryDirectory()
        self._states: dict[Case, Path] = {}
        self._here = Here(given.device)

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:  # all at once: each takes a while to give back a GPU
            worker.kill()
        for worker in self._workers:
            worker.end()
        self._folder.cleanup()

    def worker(self, *, yielding: bool = False) -> Worker:
        """A process; this one in the quick form."""
        if self.given.quick:
            return self._here
        self._workers.append(Apart(self.given.device, yielding=yielding))
        return self._workers[-1]

    def state(self, case: Case) -> Path:
        """The file of a network's weights, which all rows of it share."""
        if case not in self._states:
            note(f"{case.name}: weights")
            self._states[case] = Path(self._folder.name, f"{case.name}.pt")
            torch.save(imitate_training(case.ours("exact"), case), self._states[case])
        return self._states[case]


def state_of(file: Path) -> dict[str, Tensor]:
    """Weights of `Bench.state`."""
    state: dict[str, Tensor] = torch.load(file, weights_only=True)
    return state


class Contest:
    """Rows that are compared.

    Args:
        bench: Where they are made.
        case: What is computed.
        name: The same in words.
        pictures: How many pictures' inference it counts as.
    """

    def __init__(self, bench: Bench, case: Case, name: str, pictures: int) -> None:
        self.bench, self.case, self.name = bench, case, name
        self._pictures = pictures
        self.times: dict[str, float] = {}
        self.peaks: dict[str, float] = {}
        self.reasons: dict[str, str] = {}
        self._workers: dict[str, Worker] = {}
        self._asked: dict[str, tuple[int, int]] = {}
        self._multiply_adds: dict[str, float] = {}

    def add(self, row: str, network: str, worker: Worker, how: Callable[..., Form], *given: Any) -> None:
        """Have a row of a network made, one of `OURS` or `PEERS`."""
        self._workers[row] = worker
        made = worker.ask("make", self._key(row), how, *given)
        self._asked[row] = made, worker.ask("call", multiply_adds, self.case, network)

    def leave_out(self, row: str, reason: str) -> None:
        """Note why a row is not measured."""
        self.reasons[row] = reason
        note(f"  {self.name}, {row}: left out: {reason}")

    def made(self) -> None:
        """Wait until all rows are made or given up."""
        for row, worker in self._workers.items():
            try:
                peak, count = (worker.answer(number, self.bench.made) for number in self._asked[row])
                self.peaks[row], self._multiply_adds[row] = peak, count
            except Failed as failed:
                self.leave_out(row, str(failed))

    def measure(self, until: float) -> None:
        """Take times, each round beginning with another row.

        Args:
            until: When it has to be done, by `time.monotonic()`.
        """
        rows = list(self.peaks)
        times: dict[str, list[float]] = {row: [] for row in rows}
        quick = self.bench.given.quick
        for turn in range(math.ceil(self.bench.given.repeats / IN_A_TURN)):
            if turn and time.monotonic() > until:
                break
            first = turn % max(len(rows), 1)
            for row in [row for row in rows[first:] + rows[:first] if row not in self.reasons]:
                worker = self._workers[row]
                try:
                    times[row] += worker.answer(worker.ask("turn", self._key(row), 1 if quick else IN_A_TURN), until)
                except Failed as failed:
                    self.leave_out(row, str(failed))
        self.times = {row: statistics.median(one) for row, one in times.items() if one and row not in self.reasons}
        for row, value in self.times.items():
            note(f"  {self.name}, {row}: {value:.3f} ms")

    def lacks(self, rows: Sequence[str]) -> dict[str, str]:
        """Of some rows those that were not measured, each with the reason."""
        return {row: self.reasons.get(row, "it was not come to") for row in rows if row not in self.times}

    def shares(self) -> dict[str, float]:
        """How much of the card's peak the rows reach."""
        peak = card_peak(self.bench.given.device)
        counts = {row: 1e9 * self._pictures * self._multiply_adds[row] for row in self.times}
        return {row: counts[row] / (milliseconds / 1000) / peak for row, milliseconds in self.times.items()}

    def _key(self, row: str) -> str:
        return f"{self.name}: {row}"
