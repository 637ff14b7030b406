"""A run as it is compared: how far it is, what its validations and its evaluation scored, and by which settings."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sceneparse.drawing import curves
from sceneparse.errors import UserError
from sceneparse.evaluation.figures import FIGURES
from sceneparse.recipes import read_recipe, to_mapping
from sceneparse.recipes.flat import flat_settings
from sceneparse.tasks import Task
from sceneparse.weights.config import LABELS, WEIGHTS
from sceneparse.weights.labels_file import read_labels
from sceneparse.weights.run_folder import METRICS, MODEL, RECIPE, State, model_folder_of, named, run_folder, state_of

EVALUATION = Path("evaluation", "metrics.json")
"""Where `sceneparse evaluate` writes what a run's model scores."""

KINDS = {"validation": False, "validation_average": True}
"""The kinds of lines with validation scores, and whether they are of averaged weights."""


@dataclass(frozen=True)
class Validation:
    """The best validation of a run so far.

    Args:
        iteration: Iterations done.
        figures: Its scores by their keys in the table of figures, 0 to 1.
        averaged: Whether they are of averaged weights.
        protocol: By which protocol it was tested, on what.
    """

    iteration: int
    figures: Mapping[str, float]
    averaged: bool
    protocol: str


@dataclass(frozen=True)
class Evaluated:
    """What a run's model scored where it was evaluated.

    Args:
        figures: Its scores by their keys in the table of figures, 0 to 1.
        classes: The IoU of each class, None where it has none.
        protocol: By which protocol it was tested.
        pictures: On how many pictures.
        earlier: Whether the model has become another since.
    """

    figures: Mapping[str, float | None]
    classes: Mapping[str, float | None]
    protocol: str
    pictures: int
    earlier: bool


@dataclass(frozen=True)
class ComparedRun:
    """A run.

    Args:
        name: What tells it from the others.
        folder: The run folder.
        state: Whether it goes on.
        iteration: Iterations that it has recorded; 0 before the first line.
        iterations: How many it is to have.
        seconds: The time that they took; None before the first line.
        settings: All settings, by their dotted names.
        lines: What metrics.jsonl holds.
        best: Its best validation; None before the first.
        evaluated: What its model scored where it was evaluated; None where it wasn't.
        labels: The names of its classes; None where nothing says them yet.
    """

    name: str
    folder: Path
    state: State
    iteration: int
    iterations: int
    seconds: float | None
    settings: Mapping[str, Any]
    lines: tuple[dict[str, Any], ...]
    best: Validation | None
    evaluated: Evaluated | None
    labels: tuple[str, ...] | None


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
        raise UserError(f"{path}: is no run folder (no {RECIPE} in it): give folders that 'sceneparse train' wrote")
    return run


def read_run(folder: Path, name: str) -> ComparedRun:
    """Read what a run has come to so far.

    Args:
        folder: The run folder.
        name: What tells it from the others.

    Raises:
        UserError: Its recipe or its evaluation cannot be read.
    """
    recipe = read_recipe(folder / RECIPE)
    lines = curves.read(folder / METRICS)
    last = lines[-1] if lines else {}
    evaluated, model = _evaluated(folder), model_folder_of(folder)
    labels = tuple(evaluated.classes) if evaluated else None
    if model is not None:
        labels = read_labels(model / LABELS)[0].names
    return ComparedRun(
        name=name,
        folder=folder,
        state=state_of(folder),
        iteration=int(last.get("iteration", 0)),
        iterations=recipe.training.iterations,
        seconds=last.get("seconds"),
        settings=flat_settings(to_mapping(recipe)),
        lines=tuple(lines),
        best=best_validation(lines),
        evaluated=evaluated,
        labels=labels,
    )


def best_validation(lines: list[dict[str, Any]]) -> Validation | None:
    """Return the validation with the best score, the mean of the headline figures, as training chooses its best."""
    keys = {key: one.headline for key, one in FIGURES.usable() if one.unit == "%"}
    best, found = -1.0, None
    for line in lines:
        if line.get("kind") not in KINDS:
            continue
        figures = {key: float(line[key]) for key in keys if isinstance(line.get(key), int | float)}
        headlines = [value for key, value in figures.items() if keys[key]]
        if headlines and (worth := sum(headlines) / len(headlines)) > best:
            averaged, protocol = KINDS[line["kind"]], str(line.get("protocol", ""))
            best, found = worth, Validation(int(line["iteration"]), figures, averaged, protocol)
    return found


def _evaluated(folder: Path) -> Evaluated | None:
    path = folder / EVALUATION
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        value = json.loads(text)
        classes = {str(one["name"]): one["iou"] for one in value["classes"]}
        figures: dict[str, float | None] = {}
        for key, one in FIGURES.usable():
            of_task = value if one.task is Task.OBJECT else value.get("tasks", {}).get(str(one.task), {})
            if one.unit == "%" and (one.name or key) in of_task:
                figures[key] = of_task[one.name or key]
        protocol, pictures = str(value["protocol"]), int(value["pictures"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: is no metrics.json of an evaluation ({error}): evaluate the run again") from None
    model = model_folder_of(folder)
    earlier = model is not None and (model / WEIGHTS).stat().st_mtime > path.stat().st_mtime
    return Evaluated(figures, classes, protocol, pictures, earlier)
