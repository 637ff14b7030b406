"""A training's run folder for those who read it: its files, its state, and which model it holds."""

import json
import math
import os
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.files import aside_of, is_held
from sceneparse.weights.config import CONFIG, LABELS, WEIGHTS

RECIPE, MODEL, RUN_FACTS, METRICS, CHECKPOINTS = "recipe.yaml", "model", "run.json", "metrics.jsonl", "checkpoints"
"""Files and folders of a run folder."""

State = Literal["going", "interrupted", "failed", "ended", "unknown"]
"""Whether a training goes on at this moment, was stopped or killed, met a loss that is not finite, or is done."""

DEPTH, LOOKED_AT = 3, 2000
"""How deep in a folder runs are looked for (of a folder of sweeps: SWEEP/ROW/seedN), in so many folders a level."""

TAIL = 1 << 16
"""Bytes at the end of metrics.jsonl in which its last line is looked for."""


@dataclass(frozen=True)
class Taken:
    """Which of a training's networks a file of weights is.

    Args:
        iteration: Iterations that were done; None where nothing says it.
        mean_iou: Its mean IoU on the validation split, 0 to 1; None where it was not validated.
        averaged: Whether it is the moving average of the weights.
    """

    iteration: int | None = None
    mean_iou: float | None = None
    averaged: bool = False

    def facts(self) -> dict[str, str]:
        """Return this as the header of a file of weights says it."""
        facts = {"weights": "average" if self.averaged else "live"}
        if self.iteration is not None:
            facts["iteration"] = str(self.iteration)
        return facts if self.mean_iou is None else facts | {"mean_iou": repr(self.mean_iou)}


def named(path: Path) -> Path:
    """Return a path that ends in the name of its folder or file: "." and "model/.." are resolved, others stay."""
    return path.resolve() if path.name in ("", "..") else path


def run_folder(path: Path) -> Path | None:
    """Return the run folder that a path is, or whose checkpoints/ it is; None if it is something else."""
    whole = named(path)
    if whole.name == CHECKPOINTS and whole.is_dir() and run_folder(whole.parent) == whole.parent:
        return whole.parent
    return path if (path / RECIPE).is_file() and not (path / CONFIG).exists() else None


def runs_in(folder: Path) -> list[Path]:
    """Return the run folders that lie in a folder, by name; none in a run folder.

    Where none lies right in it, those in its folders count, as a sweep has them (ROW/seedN), and then those in these.

    Args:
        folder: It need not exist.
    """
    if run_folder(folder) is not None:
        return []
    level = [folder]
    for _ in range(DEPTH):
        level = [inside for one in level for inside in _folders_in(one)][:LOOKED_AT]
        if runs := [one for one in level if run_folder(one) is not None]:
            return _without_links(runs)
    return []


def _folders_in(folder: Path) -> list[Path]:
    """The folders in a folder, by name, without hidden ones; none where there is no such folder, or it is closed."""
    try:
        return sorted(one for one in folder.iterdir() if not one.name.startswith(".") and one.is_dir())
    except OSError:
        return []


def _without_links(runs: Sequence[Path]) -> list[Path]:
    """Leave out links to others of them, such as `latest`, which are no further runs."""
    own = {run.resolve() for run in runs if not run.is_symlink()}
    links = {run.resolve(): run for run in reversed(runs) if run.is_symlink()}
    return [run for run in runs if not run.is_symlink() or (run.resolve() not in own and run in links.values())]


def run_around(path: Path) -> Path | None:
    """Return the run folder that a path is, or whose model folder, checkpoints/ or checkpoint it is; else None.

    It ends in the run's own name, from wherever a command was started.
    """
    path = named(path)
    if (run := run_folder(path)) is not None:
        return named(run)
    inside = path.name == MODEL or (path.parent.name == CHECKPOINTS and path.is_file())
    return run_folder(named(path.parent)) if inside else None


def find_run(path: str | Path) -> Path:
    """Return the run folder that a path means: itself, or the one around its model folder or its checkpoints.

    Raises:
        UserError: It is none.
    """
    given = named(Path(path))
    if not given.exists():
        raise UserError(f"{path}: there is no such run folder")
    if (given / WEIGHTS).is_file() and given.name == MODEL and run_folder(given.parent):
        return given.parent
    run = run_folder(given)
    if run is None:
        raise UserError(
            f"{path}: is no run folder (no {RECIPE} in it), nor holds any: give folders that 'sceneparse train' wrote"
        )
    return run


def find_runs(paths: Iterable[str | Path]) -> tuple[list[Path], list[Path]]:
    """Return the run folders that paths mean, each a run or a folder of runs, and what lies beside them and is none.

    Args:
        paths: See `runs_in` and `find_run`. Of several, as a shell makes them of runs/*, some may be other files and
            folders. A link beside the run that it leads to is left out.

    Returns:
        The run folders, and the paths that are there but stand for none.

    Raises:
        UserError: None of them is one, one is not there, or one is named twice.
    """
    runs: list[Path] = []
    others: list[Path] = []
    problem: UserError | None = None
    for path in paths:
        try:
            runs += runs_in(Path(path)) or [find_run(path)]
        except UserError as error:
            if not os.path.lexists(path):
                raise
            others.append(Path(path))
            problem = problem or error
    if problem is not None and not runs:
        raise problem
    found = _without_links(runs)
    whole = [run.resolve() for run in found]
    for number, run in enumerate(found):
        if whole[number] in whole[:number]:
            raise UserError(f"{run}: is named twice: name different run folders")
    return found, others


def model_folder_of(run: Path) -> Path | None:
    """Return the folder of a run's model, None as long as there is none."""
    for folder in (run / MODEL, aside_of(run / MODEL)):
        if all((folder / name).is_file() for name in (CONFIG, LABELS, WEIGHTS)):
            return folder
    return None


def named_folder(source: str | Path) -> Path | None:
    """Return the model folder that a source names, for what is written beside it: a run folder names its model/.

    Args:
        source: What a command was given.

    Returns:
        The folder; None if the source is no folder here.
    """
    path = Path(source)
    run = run_folder(path)
    # Beside ".", which is its own parent, would be inside of it.
    return named(path) if run is None and path.is_dir() else run and run / MODEL


def beside(source: str | Path, what: str) -> Path:
    """Return the folder for what is found out about a model: no two models have the same.

    Args:
        source: What a command was given.
        what: What is found out, such as "evaluation".

    Returns:
        The folder `what` in a run, of its model; NAME-what beside any other folder or file, and in a run for one of its
        checkpoints; NAME-what here for the name of a model that lies elsewhere.
    """
    path = named(Path(source))
    run = run_around(path)
    if run is not None:
        return run / (f"{path.stem}-{what}" if path.is_file() else what)
    if path.exists():
        return path.with_name(f"{path.name}-{what}")
    return Path(f"{re.sub(r'[^A-Za-z0-9._-]+', '-', str(source)).strip('-')}-{what}")


def told_apart(paths: Sequence[Path]) -> list[str]:
    """Return the shortest names that tell folders or files apart: the part of each path in which they differ.

    Args:
        paths: Different paths; of model folders in run folders (runs/a/model) the run's name says it all.
    """
    whole = [path.resolve() for path in paths]
    if all(path.name == MODEL for path in whole):
        whole = [path.parent for path in whole]
    if len(whole) == 1:
        return [whole[0].name]
    parent = os.path.commonpath(whole)
    names = [path.relative_to(parent) for path in whole]
    # One may lie in the other.
    return [str(name) if name.parts else path.name for name, path in zip(names, whole, strict=True)]


def names_of_two(model: str | Path, comparison: str | Path) -> tuple[str, str]:
    """Return what to call two models: by the folders that they lie in, or as they were named if they aren't folders.

    Args:
        model: The first one, as it was named.
        comparison: The second one.

    Raises:
        UserError: Both are the same folder or file.
    """
    if not (Path(model).exists() and Path(comparison).exists()):
        return str(model), str(comparison)
    both = [(named_folder(one) or Path(one)).resolve() for one in (model, comparison)]
    if both[0] == both[1]:
        raise UserError(
            f"the second model {comparison} is the first one: name another one "
            f"({argument('comparison', option='--rival')})"
        )
    ours, theirs = told_apart(both)
    return ours, theirs


def run_facts(run: Path) -> dict[str, Any]:
    """Return what run.json says; nothing where it is missing or damaged."""
    try:
        value = json.loads((run / RUN_FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def state_of(run: Path) -> State:
    """Return the state of a training; "unknown" where the system does not say whether its process is there."""
    status = run_facts(run).get("status")
    if status == "finished" or (status is None and not (run / CHECKPOINTS).is_dir()):
        return "ended"
    held = is_held(run / METRICS)
    if held:
        return "going"
    if status == "failed":
        return "failed"
    return "unknown" if held is None and status == "running" else "interrupted"


def last_iteration(run: Path) -> int | None:
    """Return the iteration of the last whole line of metrics.jsonl, None if there is none."""
    try:
        with (run / METRICS).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            lines = file.read().split(b"\n")[:-1]
        found = json.loads(lines[-1])["iteration"] if lines else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, int) else None


def header_of(weights: Path) -> dict[str, str]:
    """Return what a .safetensors file says of itself; nothing where it is none, or is damaged."""
    try:
        with weights.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > os.fstat(file.fileno()).st_size:
                return {}
            facts = json.loads(file.read(length)).get("__metadata__", {})
    except (OSError, ValueError, struct.error, AttributeError):
        return {}
    return {str(key): str(value) for key, value in facts.items()} if isinstance(facts, dict) else {}


def taken_of(facts: Mapping[str, str]) -> Taken:
    """Return which of a training's networks a file's header names; nothing is known of one that names none."""
    try:
        iteration = int(facts["iteration"]) if "iteration" in facts else None
        mean_iou = float(facts["mean_iou"]) if "mean_iou" in facts else None
    except ValueError:
        return Taken()
    return Taken(
        iteration,
        mean_iou if mean_iou is not None and math.isfinite(mean_iou) else None,
        facts.get("weights") == "average",
    )


def model_taken(run: Path, folder: Path) -> Taken:
    """Return which of a run's networks its model folder holds.

    Args:
        run: The run folder.
        folder: Its model folder.
    """
    taken = taken_of(header_of(folder / WEIGHTS))
    if taken.iteration is not None:
        return taken
    # A model of before files of weights said it, which was written at the end.
    facts = run_facts(run)
    iteration, mean_iou = facts.get("best_iteration"), facts.get("best_mean_iou")
    return Taken(
        iteration if isinstance(iteration, int) else None,
        float(mean_iou) if isinstance(mean_iou, int | float) else None,
        facts.get("best_weights") == "average",
    )
