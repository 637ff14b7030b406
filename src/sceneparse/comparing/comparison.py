"""Several runs together: the settings in which they differ, and what of them does not compare."""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sceneparse.comparing.run import ComparedRun
from sceneparse.drawing.notebook import result_html, table_html
from sceneparse.errors import counted, some

UNTOLD = ("name", "description", "tracking.", "data.workers", "data.cache_mb", "data.classes.colors.")
"""Settings that no result depends on: in these, runs may differ without a word."""


FOLLOWS = {"backbone.padding": ("backbone.name", "backbone.weights", "init.model")}
"""Settings that a training decides by others where nobody gives them: differences come with those of the others."""


NAMED = 4
"""So many runs are named where a comparison is told in a line."""


@dataclass(frozen=True)
class RunComparison:
    """Runs side by side.

    Args:
        runs: The runs, in the order in which they were named.
        left_out: What was named with them and is no run.
        report: The page that was written of them; None where none was.
    """

    runs: tuple[ComparedRun, ...]
    left_out: tuple[Path, ...] = ()
    report: Path | None = None

    def __repr__(self) -> str:
        said = []
        for run in self.runs[:NAMED]:
            score = run.best.figures.get("mean_iou") if run.best else None
            said.append(f"{run.name} {progress(run)}" + ("" if score is None else f", mean IoU {percent(score)}%"))
        more = "; …" if len(self.runs) > NAMED else ""
        return f"RunComparison({counted(len(self.runs), 'run')}: {'; '.join(said)}{more})"

    def _repr_html_(self) -> str:
        columns = ("run", "training, iterations", "best validation, mean IoU %", "evaluation, mean IoU %", "minutes")
        rows = []
        for run in self.runs:
            score, test = (one.figures.get("mean_iou") if one else None for one in (run.best, run.evaluated))
            rows.append((run.name, progress(run), percent(score), percent(test), minutes(run.seconds)))
        tables = [table_html(columns, rows, texts=2)]
        if differing := self.differing():
            names = [run.name for run in self.with_settings]
            settings = [(name, *map(shown, values)) for name, values in differing.items()]
            tables.append(table_html(("differing setting", *names), settings, texts=1 + len(names)))
        return result_html(repr(self), tables, self.notes(), self.report)

    @property
    def with_settings(self) -> tuple[ComparedRun, ...]:
        """The runs whose settings can be read."""
        return tuple(run for run in self.runs if run.settings)

    @property
    def validations_compare(self) -> bool:
        """Whether one of the best validations may be called better than another."""
        return len(self._validated()) < 2 and len(self._groups(_classes)) < 2

    @property
    def evaluations_compare(self) -> bool:
        """Whether the figures of one evaluation may be called better than those of another."""
        return len(self._evaluated()) < 2 and len(self._groups(_classes)) < 2

    def differing(self) -> dict[str, list[Any]]:
        """Return the settings in which the runs differ: by dotted names, the value of each run, None where it has none.

        Which names, and where pictures and logs go, is left out, what follows from other differences, and runs whose
        settings cannot be read.
        """
        known = self.with_settings
        names = dict.fromkeys(name for run in known for name in run.settings if not name.startswith(UNTOLD))
        values = {name: [run.settings.get(name) for run in known] for name in names}
        differing = {name: found for name, found in values.items() if any(one != found[0] for one in found)}
        return {name: found for name, found in differing.items() if not _follows(name, found, differing)}

    def classes(self) -> dict[str, list[float | None]]:
        """Return the IoU of every class in every run's evaluation, 0 to 1; None where a run has none of it.

        The classes are in the order of the first run that has them.
        """
        evaluated = [run.evaluated.classes if run.evaluated else {} for run in self.runs]
        names = dict.fromkeys(name for one in evaluated for name in one)
        return {name: [one.get(name) for one in evaluated] for name in names}

    def recipes(self) -> str:
        """Return the names of the runs' recipes, which runs may have in common; empty where none can be read."""
        groups = self._groups(lambda run: run.recipe)
        if len(groups) < 2:
            return "".join(name for name, _ in groups)
        return "; ".join(f"{name} ({', '.join(runs)})" for name, runs in groups)

    def notes(self) -> list[str]:
        """Return what has to be known before figures are compared, a line each."""
        found = []
        if self.left_out:
            one = len(self.left_out) == 1
            names = some([str(path) for path in self.left_out], 5)
            found.append(f"left out, since {'it is' if one else 'they are'} no run{'' if one else 's'}: {names}")
        groups = self._groups(_classes)
        if len(groups) > 1:
            said = "; ".join(f"{', '.join(names)}: {counted(len(key), 'class', 'classes')}" for key, names in groups)
            found.append(f"the runs have different classes ({said}): their mean IoUs are over other things")
        for what, groups in (("validated", self._validated()), ("evaluated", self._evaluated())):
            if len(groups) > 1:
                said = "; ".join(f"{', '.join(names)}: {protocol}" for protocol, names in groups)
                found.append(f"the runs were {what} differently, so that these figures do not compare ({said})")
        if learnt := [run.name for run in self.runs if run.tested_on_training]:
            found.append(f"evaluated on the pictures that it learns from: {', '.join(learnt)}")
        if unsaid := [run.name for run in self.runs if run.evaluated is not None and run.evaluated.split is None]:
            found.append(f"an earlier version evaluated {', '.join(unsaid)}, and did not say on which split")
        missing = [run for run in self.runs if run.evaluated is None and "evaluation" not in run.problems]
        earlier = [run for run in self.runs if run.evaluated is not None and run.evaluated.earlier]
        for what, runs in (("not evaluated yet", missing), ("evaluated before the model became another one", earlier)):
            if runs:
                found.append(f"{what}: {', '.join(f'{run.name} ({run.evaluate_command})' for run in runs)}")
        return found + [problem for run in self.runs for problem in run.problems.values()]

    def to_json(self) -> dict[str, Any]:
        """Return all of it for programs, figures as fractions 0 to 1; the lines of metrics.jsonl are left out."""
        runs = []
        for run in self.runs:
            runs.append(
                {
                    "name": run.name,
                    "recipe": run.recipe,
                    "folder": str(run.folder),
                    "state": run.state,
                    "iteration": run.iteration,
                    "iterations": run.iterations,
                    "seconds": run.seconds,
                    "validation": None if run.best is None else asdict(run.best),
                    "evaluation": None if run.evaluated is None else asdict(run.evaluated),
                    "labels": None if run.labels is None else list(run.labels),
                    "settings": dict(run.settings),
                    "problems": dict(run.problems),
                }
            )
        names = [run.name for run in self.with_settings]
        differing = {name: dict(zip(names, values, strict=True)) for name, values in self.differing().items()}
        return {"runs": runs, "differing_settings": differing, "notes": self.notes()}

    def _validated(self) -> list[tuple[str, list[str]]]:
        """The runs by the protocol of their best validation and by what it was made on."""
        whole = all(run.settings for run in self.runs if run.best)  # else the protocol alone is known of all
        return self._groups(lambda run: run.validated_on(whole=whole))

    def _evaluated(self) -> list[tuple[str, list[str]]]:
        """The runs by the protocol of their evaluation and by what it was made on."""
        whole = all(run.evaluated.precision for run in self.runs if run.evaluated)
        return self._groups(lambda run: run.evaluated.describe(whole=whole) if run.evaluated else None)

    def _groups(self, key: Callable[[ComparedRun], Hashable]) -> list[tuple[Any, list[str]]]:
        """The names of the runs by what they have in common; runs of which it is not known are left out."""
        groups: dict[Any, list[str]] = {}
        for run in self.runs:
            if (value := key(run)) is not None:
                groups.setdefault(value, []).append(run.name)
        return list(groups.items())


def _follows(name: str, values: Sequence[Any], differing: Collection[str]) -> bool:
    """Whether a setting differs because others do, or because a run's recipe leaves it open."""
    if name not in FOLLOWS:
        return False
    return len({one for one in values if one is not None}) < 2 or any(one in differing for one in FOLLOWS[name])


def _classes(run: ComparedRun) -> tuple[str, ...] | None:
    return run.labels


def is_best(value: float | None, values: Sequence[float | None], compare: bool) -> bool:
    """Return whether a figure is the best of several that compare."""
    known = [one for one in values if one is not None]
    return compare and value is not None and len(known) > 1 and value == max(known)


def shown(value: Any) -> str:
    """Return a setting's value as a recipe has it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def progress(run: ComparedRun) -> str:
    """Return in a few words how far a run is."""
    planned = "?" if run.iterations is None else run.iterations
    done = f"{run.iteration}" if run.state == "ended" else f"{run.iteration}/{planned}"
    states = {"going": "going on", "interrupted": "stopped", "unknown": "not ended"}
    return f"{states.get(run.state, run.state)} {done}"


def percent(value: float | None) -> str:
    """Return a fraction in percent with two digits, without the sign; "–" where there is none."""
    return "–" if value is None else f"{100 * value:.2f}"


def minutes(seconds: float | None) -> str:
    """Return a time in minutes; "–" where there is none."""
    return "–" if seconds is None else f"{seconds / 60:.1f}"


def by_value(values: Sequence[Any], names: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return each value of a setting with the names of the runs that have it."""
    groups: dict[str, list[str]] = {}
    for value, name in zip(values, names, strict=True):
        groups.setdefault(shown(value), []).append(name)
    return list(groups.items())
