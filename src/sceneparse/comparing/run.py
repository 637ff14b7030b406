"""A run as it is compared: how far it is, what its validations and its evaluation scored, and by which settings."""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.pieces import share_samples
from sceneparse.datasets.testing import folder_of
from sceneparse.drawing import curves
from sceneparse.errors import UserError, counted, reason_of
from sceneparse.evaluation.facts import data_options, truth_options
from sceneparse.evaluation.figures import FIGURES, mean_of_headlines
from sceneparse.recipes import read_recipe, to_mapping
from sceneparse.recipes.flat import flat_settings
from sceneparse.tasks import Task
from sceneparse.weights.config import LABELS, WEIGHTS
from sceneparse.weights.conversions import untempered_fingerprint
from sceneparse.weights.labels_file import read_labels
from sceneparse.weights.run_folder import METRICS, RECIPE, State, model_folder_of, state_of

EVALUATION = Path("evaluation", "metrics.json")
"""Where `sceneparse evaluate` writes what a run's model scores."""

T = TypeVar("T")

AVERAGED = {"validation": False, "validation_average": True}
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
        kind: The kind of the data set that they are of; None where an earlier version wrote it, like the next two.
        split: Their split.
        folder: Their folder; None where the kind has none, too.
        earlier: Whether the model has become another since.
        options: The settings by which the data were read, as of `data_options`; None where an earlier version wrote it,
            like the next.
        precision: The number format that the scores were computed in.
    """

    figures: Mapping[str, float | None]
    classes: Mapping[str, float | None]
    protocol: str
    pictures: int
    kind: str | None
    split: str | None
    folder: str | None
    earlier: bool
    options: Mapping[str, Any] | None = None
    precision: str | None = None

    def describe(self, *, whole: bool = True) -> str:
        """Describe all that has to be equal for figures to compare.

        Args:
            whole: Whether to say what earlier versions did not.
        """
        pictures = counted(self.pictures, "picture")
        if self.split is None:
            return f"{self.protocol}; {pictures}, it is not said of which split"
        said = [f"{self.protocol}; {pictures} of {self.kind} {self.split}", self.folder]
        if whole:
            said += [in_words(truth_options(self.options or {})), self.precision]
        return ", ".join(filter(None, said))


@dataclass(frozen=True)
class ComparedRun:
    """A run.

    Args:
        name: What tells it from the others.
        folder: The run folder.
        state: Whether it goes on.
        iteration: Iterations that it has recorded; 0 before the first line.
        iterations: How many it is to have; None where its recipe cannot be read.
        seconds: The time that they took; None before the first line.
        settings: All settings, by their dotted names; none where its recipe cannot be read.
        lines: What metrics.jsonl holds.
        best: Its best validation; None before the first.
        evaluated: What its model scored where it was evaluated; None where it wasn't.
        labels: The names of its classes; None where nothing says them yet.
        problems: What of it cannot be read (recipe, metrics, evaluation, labels), and why.
    """

    name: str
    folder: Path
    state: State
    iteration: int
    iterations: int | None
    seconds: float | None
    settings: Mapping[str, Any]
    lines: tuple[dict[str, Any], ...]
    best: Validation | None
    evaluated: Evaluated | None
    labels: tuple[str, ...] | None
    problems: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        planned = "?" if self.iterations is None else self.iterations
        return f"ComparedRun({self.name}: {self.state}, {self.iteration} of {planned} iterations)"

    @property
    def recipe(self) -> str | None:
        """Its recipe's name, which other runs may share; None where the recipe cannot be read."""
        return self.settings.get("name")

    @property
    def tested_on(self) -> str:
        """In a word or two, what it was evaluated on: a split, with the kind where that is not the training's."""
        if self.evaluated is None or self.evaluated.split is None:
            return "–"
        own = self.evaluated.kind == self.settings.get("data.kind")
        return self.evaluated.split if own else f"{self.evaluated.kind} {self.evaluated.split}"

    @property
    def tested_on_training(self) -> bool:
        """Whether it was evaluated on the pictures that it learns from."""
        one, root = self.evaluated, self.settings.get("data.root")
        if one is None or one.split is None or one.kind != self.settings.get("data.kind"):
            return False
        if not share_samples(str(self.settings.get("data.train")), one.split):
            return False
        return one.folder is None or root is None or Path(root).resolve() == Path(one.folder).resolve()

    def validated_on(self, *, whole: bool) -> str | None:
        """By which protocol its best validation was made, and on what; None without one.

        Args:
            whole: Whether to say what the recipe alone does.
        """
        if self.best is None:
            return None
        if not whole:
            return self.best.protocol
        data = {name.removeprefix("data."): one for name, one in self.settings.items() if name.startswith("data.")}
        said = [
            f"{self.best.protocol} of {data['kind']}",
            folder_of(data["root"]),
            in_words(truth_options(data_options(data))),
        ]
        return ", ".join(filter(None, said))

    @property
    def evaluate_command(self) -> str:
        """The command that evaluates it, for people to copy."""
        kind, root = str(self.settings.get("data.kind")), self.settings.get("data.root")
        # Model folders don't say where a data set lies.
        folder = shlex.quote(str(self.folder))
        if root is None or kind not in KINDS or KINDS[kind].root == "none":
            return f"sceneparse evaluate {folder}"
        return f"sceneparse evaluate {folder} --data {shlex.quote(str(root))}"


def read_run(folder: Path, name: str) -> ComparedRun:
    """Read what a run has come to so far; what cannot be read of it is among its problems.

    Args:
        folder: The run folder.
        name: What tells it from the others.
    """
    problems: dict[str, str] = {}
    recipe = _or_problem("recipe", problems, lambda: read_recipe(folder / RECIPE))
    lines = _or_problem("metrics", problems, lambda: _lines(folder / METRICS)) or []
    last = lines[-1] if lines else {}
    model = model_folder_of(folder)
    evaluated = _or_problem("evaluation", problems, lambda: _evaluated(folder, model))
    labels = tuple(evaluated.classes) if evaluated else None
    if model is not None:
        labels = _or_problem("labels", problems, lambda: read_labels(model / LABELS)[0].names) or labels
    seconds = last.get("seconds")
    return ComparedRun(
        name=name,
        folder=folder,
        state=state_of(folder),
        iteration=int(last.get("iteration", 0)),
        iterations=recipe.training.iterations if recipe else None,
        seconds=seconds if isinstance(seconds, int | float) else None,
        settings=flat_settings(to_mapping(recipe)) if recipe else {},
        lines=tuple(lines),
        best=best_validation(lines),
        evaluated=evaluated,
        labels=labels,
        problems=problems,
    )


def _or_problem(what: str, problems: dict[str, str], read: Callable[[], T]) -> T | None:
    """What is read; None where it cannot be, which is then among the problems."""
    try:
        return read()
    except UserError as error:
        problems[what] = str(error)
        return None


def best_validation(lines: list[dict[str, Any]]) -> Validation | None:
    """Return the validation with the best score, the mean of the headline figures, as training chooses its best."""
    keys = [key for key, one in FIGURES.usable() if one.unit == "%"]
    best, found = -1.0, None
    for line in lines:
        if line.get("kind") not in AVERAGED:
            continue
        figures = {key: float(line[key]) for key in keys if isinstance(line.get(key), int | float)}
        if (worth := mean_of_headlines(line)) is not None and worth > best:
            averaged, protocol = AVERAGED[line["kind"]], str(line.get("protocol", ""))
            best, found = worth, Validation(int(line["iteration"]), figures, averaged, protocol)
    return found


def _evaluated(folder: Path, model: Path | None) -> Evaluated | None:
    """What a run's evaluation says; None where there is none.

    Raises:
        UserError: It cannot be read.
    """
    path = folder / EVALUATION
    if not path.exists():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        classes = {str(one["name"]): _fraction(one["iou"]) for one in value["classes"]}
        figures: dict[str, float | None] = {}
        for key, one in FIGURES.usable():
            of_task = value if one.task is Task.OBJECT else value.get("tasks", {}).get(str(one.task), {})
            if one.unit == "%" and (one.name or key) in of_task:
                figures[key] = _fraction(of_task[one.name or key])
        protocol, pictures = str(value["protocol"]), int(value["pictures"])
        kind, split, where, precision = (_text(value.get(name)) for name in ("kind", "split", "folder", "precision"))
        options = None if value.get("data_options") is None else dict(value["data_options"])
        earlier = model is not None and _another(model, value.get("untempered_sha256"), path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = reason_of(error)
        raise UserError(f"{path}: is no metrics.json of an evaluation ({why}): evaluate the run again") from None
    return Evaluated(figures, classes, protocol, pictures, kind, split, where, earlier, options, precision)


def _lines(path: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl.

    Raises:
        UserError: It cannot be read.
    """
    try:
        return curves.read(path)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({reason_of(error)}), so that its run stands here without figures"
        ) from None


def in_words(options: Mapping[str, Any]) -> str:
    """Return settings as a message has them, by their names; empty of none."""
    return ", ".join(f"{name} {json.dumps(value, ensure_ascii=False)}" for name, value in sorted(options.items()))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _fraction(value: Any) -> float | None:
    return None if value is None else float(value)


def _another(model: Path, evaluated: Any, path: Path) -> bool:
    """Whether a run's model is another one than its evaluation is of: by fingerprint, else by the files' times."""
    try:
        if isinstance(evaluated, str):
            return untempered_fingerprint(model) != evaluated
        return (model / WEIGHTS).stat().st_mtime > path.stat().st_mtime
    except FileNotFoundError:  # another one takes its place at this moment
        return True
