"""Running a sweep: each run in a process of its own, as many at a time as there is room for."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import torch

from sceneparse.errors import UserError, counted, require
from sceneparse.files import make_folder
from sceneparse.networks.unfilled import sketched
from sceneparse.processes.machine import SHARED_BY, usable_cores
from sceneparse.progress import results_console
from sceneparse.recipes import read_recipe, to_mapping
from sceneparse.recipes.sweep import Run, Sweep
from sceneparse.training.changes import refuse_changes
from sceneparse.training.checkpoint import Checkpoints
from sceneparse.training.progress import StopRequest, TrainingStopped
from sceneparse.training.sweeping.board import Board
from sceneparse.training.sweeping.examples import write_examples
from sceneparse.training.sweeping.figures import finished
from sceneparse.training.sweeping.groups import refuse_unknown_groups
from sceneparse.training.sweeping.one import request
from sceneparse.training.sweeping.protocols import refuse_unfit_protocols, where
from sceneparse.training.sweeping.tables import print_summary, write_summary
from sceneparse.weights.build import build
from sceneparse.weights.run_folder import RECIPE

LOG = "log.txt"
"""In a run folder: what the run said."""

STOPPING = "stopping the runs, each with a checkpoint; once more stops them at once, without it"
"""What the first Ctrl-C says."""

POLL = 0.2
"""Seconds between two looks at the processes."""


def run_sweep(sweep: Sweep, out: Path, *, processes: int | None = None) -> int:
    """Do what is left of a sweep, and sum it up.

    The folder gets a run folder for each row and seed (`<row>/seed<seed>`), and the summary: summary.json, summary.csv,
    summary.md, summary.png (bars with spread) and examples.png (scenes that the rows read differently). The summary is
    renewed after every run. Runs that are finished are left alone, those that were interrupted go on.

    Args:
        sweep: What to run.
        out: The folder.
        processes: Runs at a time. None: one for each CUDA device, or one on the CPU.

    Returns:
        The number of runs that failed.

    Raises:
        UserError: A run could not even begin, or the folder holds another sweep's runs; nothing was run.
        TrainingStopped: Ctrl-C or SIGTERM; all that was done is kept.
    """
    require(processes is None or processes >= 1, f"--processes is {processes}, but must be at least 1")
    check(sweep, out)
    devices = _devices(sweep)
    count = processes or max(1, len(devices))
    left = [run for run in sweep.runs() if finished(sweep, run, out) is None]
    failed: dict[str, str] = {}
    with StopRequest(STOPPING) as stop, closing(_Slots(sweep, out, count, devices)) as slots:
        with Board(sweep, out, done=len(sweep.runs()) - len(left)) as board:
            waiting = iter(left)
            while (slots.fill(waiting, board) or slots.busy) and not stop.came:
                time.sleep(POLL)
                board.refresh()
                for run, error in slots.ended():
                    board.ended(run, error)
                    if error is not None:
                        failed[run.name] = error
                    write_summary(sweep, out, failed)
        if stop.came:
            slots.close()
            print("the sweep goes on from here when the same command is given again", file=sys.stderr)
            raise TrainingStopped("stopped; the same command goes on from here")
    try:
        write_examples(sweep, out)
    finally:  # whatever goes wrong with pictures takes no figure away
        write_summary(sweep, out, failed)
        print_summary(sweep, out, failed, results_console())
    return len(failed)


def list_runs(sweep: Sweep, out: Path) -> None:
    """Print every run and whether it is finished; refuse what `run_sweep` would.

    Args:
        sweep: What would run.
        out: The folder.

    Raises:
        UserError: As `run_sweep`.
    """
    check(sweep, out)
    states = [(run.folder, _state(sweep, run, out)) for run in sweep.runs()]
    width = max(len(folder) for folder, _ in states)
    for folder, state in states:
        print(f"{folder:<{width}}  {state}")
    left = sum(state != "finished" for _, state in states)
    print(f"{counted(len(states), 'run')} in {out}, {left} of them to do")


def _state(sweep: Sweep, run: Run, out: Path) -> str:
    if finished(sweep, run, out) is not None:
        return "finished"
    return "goes on" if Checkpoints(out / run.folder / "checkpoints").exist() else "to do"


def check(sweep: Sweep, out: Path) -> None:
    """Refuse a sweep that could not end well, before anything runs.

    Raises:
        UserError: A network that can't be built, a protocol that doesn't hold together, a group of classes that the
            data don't have, or a run folder that began by another recipe.
    """
    refuse_unfit_protocols(sweep)
    built = set()
    for row in sweep.rows:
        recipe = row.recipe
        try:
            # Tasks whose numbers the data give are not known yet.
            if (recipe.backbone, recipe.network) not in built and not recipe.network.tasks.from_data:
                built.add((recipe.backbone, recipe.network))
                with sketched():
                    build(recipe.backbone, recipe.network, 2)
        except UserError as error:
            raise UserError(f"{where(sweep, row)}: {error}") from None
    refuse_unknown_groups(sweep)
    for run in sweep.runs():
        folder = out / run.folder
        if (folder / RECIPE).is_file():
            refuse_changes(run.recipe, read_recipe(folder / RECIPE), folder)


@dataclass
class _Started:
    """A run that goes on in a process."""

    run: Run
    process: "subprocess.Popen[str]"
    log: IO[str]


@dataclass
class _Slots:
    """The runs that go on at the same time.

    Args:
        sweep: The sweep.
        out: Its folder.
        count: How many there may be.
        devices: CUDA devices to share out among them; empty leaves the environment as it is.
    """

    sweep: Sweep
    out: Path
    count: int
    devices: list[str]
    _started: dict[int, _Started] = field(default_factory=dict)

    @property
    def busy(self) -> bool:
        """Whether any run goes on."""
        return bool(self._started)

    def fill(self, waiting: Iterator[Run], board: Board) -> bool:
        """Start runs as long as there is room, and return whether any was started."""
        began = False
        for slot in range(self.count):
            if slot not in self._started and (run := next(waiting, None)) is not None:
                self._started[slot] = self._start(slot, run)
                board.began(run)
                began = True
        return began

    def ended(self) -> list[tuple[Run, str | None]]:
        """Return the runs that came to an end since the last call, with what went wrong."""
        result: list[tuple[Run, str | None]] = []
        for slot, one in list(self._started.items()):
            code = one.process.poll()
            if code is not None:
                one.log.close()
                del self._started[slot]
                result.append((one.run, None if code == 0 else self._reason(one.run, code)))
        return result

    def close(self) -> None:
        """Stop what still goes on; each run writes a checkpoint first."""
        for one in self._started.values():
            one.process.terminate()
        for one in self._started.values():
            one.process.wait()
            one.log.close()
        self._started.clear()

    def _start(self, slot: int, run: Run) -> _Started:
        folder = self.out / run.folder
        make_folder(folder)
        log = (folder / LOG).open("a", encoding="utf-8")
        # In a session of its own: Ctrl-C in the terminal is for the sweep, which then stops its runs once.
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "sceneparse.training.sweeping"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | self._environment(slot),
            text=True,
            start_new_session=True,
        )
        tests = {name: to_mapping(test) for name, test in run.row.tests.items()}
        assert process.stdin is not None
        with process.stdin as pipe:
            pipe.write(request(to_mapping(run.recipe), tests, folder))
        return _Started(run, process, log)

    def _environment(self, slot: int) -> dict[str, str]:
        own = {}
        if self.devices:
            own["CUDA_VISIBLE_DEVICES"] = self.devices[slot % len(self.devices)]
        if self.count > 1:
            own[SHARED_BY] = str(self.count)
            if "OMP_NUM_THREADS" not in os.environ:
                own["OMP_NUM_THREADS"] = str(max(1, usable_cores() // self.count))
        return own

    def _reason(self, run: Run, code: int) -> str:
        path = self.out / run.folder / LOG
        lines = [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
        said = [line.removeprefix("error: ") for line in lines if line]
        if code < 0:
            return f"its process was killed by signal {-code}, most often for want of memory; see {path}"
        return f"{said[-1]} ({path})" if said else f"its process ended with {code}; see {path}"


def _devices(sweep: Sweep) -> list[str]:
    """The CUDA devices that runs can have one each of."""
    training = sweep.rows[0].recipe.training
    if training.device not in ("auto", "cuda") or not torch.cuda.is_available():
        return []
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    return given.split(",") if given else [str(index) for index in range(torch.cuda.device_count())]
