"""The figures of a sweep: for each row and test the mean over seeds, its spread, and the gain over the first row."""

import json
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sceneparse.datasets.kinds import of_pictures_alone
from sceneparse.errors import UserError
from sceneparse.evaluation.facts import data_facts, is_other_test
from sceneparse.evaluation.figures import FIGURES
from sceneparse.inference import resolve
from sceneparse.recipes.sweep import Row, Run, Sweep
from sceneparse.settings import LearntSizes
from sceneparse.tasks import Task
from sceneparse.training.sweeping.one import ASKED, TESTS
from sceneparse.weights.config import CONFIG, read_config
from sceneparse.weights.run_folder import MODEL, RUN_FACTS

COMPARED = {key: one for key, one in FIGURES.usable() if one.task is Task.OBJECT and one.log and one.unit == "%"}
"""The figures that sweeps compare, by their keys in metrics.json."""
MEAN_IOU = COMPARED["mean_iou"].title


@dataclass(frozen=True)
class Spread:
    """A figure over several seeds, as a fraction of 1.

    Args:
        values: The figure by seed.
    """

    values: dict[int, float]

    @property
    def mean(self) -> float | None:
        """The mean; None without values."""
        return statistics.fmean(self.values.values()) if self.values else None

    @property
    def deviation(self) -> float | None:
        """The standard deviation of the sample (divided by n - 1); None for fewer than two values."""
        return statistics.stdev(self.values.values()) if len(self.values) > 1 else None

    def over(self, other: "Spread") -> "Spread":
        """Return the differences from another, seed by seed, for the seeds that both have."""
        return Spread({seed: value - other.values[seed] for seed, value in self.values.items() if seed in other.values})

    def text(self, sign: str = "") -> str:
        """Return the mean in percent with its spread, such as "41.68 ± 0.21"; "–" without values."""
        if self.mean is None:
            return "–"
        spread = "" if self.deviation is None else f" ± {100 * self.deviation:.2f}"
        return f"{100 * self.mean:{sign}.2f}{spread}"

    def to_json(self) -> dict[str, Any]:
        """Return mean, deviation and values, as fractions of 1."""
        return {"mean": self.mean, "deviation": self.deviation, "values": self.values}


@dataclass(frozen=True)
class RowFigures:
    """The figures of a row in one test.

    Args:
        row: The row.
        figures: Those of `COMPARED` by their titles, and the mean IoU of each group of classes by its name.
        gains: The same as differences from the first row, seed by seed; empty for the first row itself.
        classes: The IoU of each class that is in a group.
        minutes: Duration of the training.
        protocols: The protocols that the figures hold for; none without a finished run.
    """

    row: Row
    figures: dict[str, Spread]
    gains: dict[str, Spread]
    classes: dict[str, Spread]
    minutes: Spread
    protocols: tuple[str, ...] = ()

    @property
    def seeds(self) -> list[int]:
        """The seeds that are finished."""
        return list(self.figures[MEAN_IOU].values)


def finished(sweep: Sweep, run: Run, folder: Path) -> dict[str, Any] | None:
    """Return what a run's tests gave, by their names; None unless it is trained, and tested on what the sweep says.

    Args:
        sweep: The sweep.
        run: The run.
        folder: The sweep's folder.
    """
    try:
        found: dict[str, Any] = json.loads((folder / run.folder / TESTS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if not all(name in found for name in sweep.tests):
        return None
    # What is tested on may change when a training goes on.
    if any(is_other_test(found[name], data_facts(run.recipe.data)) for name in sweep.tests):
        return None
    config = folder / run.folder / MODEL / CONFIG
    # What was tested before models' sizes counted in sweeps holds for its own protocol alone.
    asked = {name: found[name].get(ASKED, found[name]["protocol"]) for name in sweep.tests}
    try:
        known = config.is_file() and of_pictures_alone(run.recipe.data)
        sizes = read_config(config).sizes if known else LearntSizes()
        same = all(asked[name] == resolve(run.row.tests[name], sizes).describe() for name in sweep.tests)
    except UserError:  # a protocol for another model, or a damaged one: testing it again says what is wrong
        return None
    return found if same else None


def figures_of(sweep: Sweep, test: str, folder: Path) -> list[RowFigures]:
    """Return the figures of all rows in one test; rows without a finished run have none.

    A group has no figure in a run whose data set lacks one of its classes; see `sceneparse.training.sweeping.groups`.

    Args:
        sweep: The sweep.
        test: The test's name.
        folder: The sweep's folder.
    """
    rows: list[RowFigures] = []
    for row in sweep.rows:
        runs = {seed: Run(row, seed) for seed in sweep.seeds}
        found = {seed: tests[test] for seed, run in runs.items() if (tests := finished(sweep, run, folder)) is not None}
        ious = {seed: ious_of(metrics) for seed, metrics in found.items()}
        figures = {
            one.title: Spread(
                {seed: value for seed, metrics in found.items() if (value := metrics.get(one.name or key)) is not None}
            )
            for key, one in COMPARED.items()
        }
        for name, classes in sweep.groups.items():
            # The mean of some of the classes would not be the group's.
            whole = {seed: [iou[one] for one in classes] for seed, iou in ious.items() if iou.keys() >= set(classes)}
            figures[name] = Spread(
                {seed: mean for seed, values in whole.items() if (mean := _mean(values)) is not None}
            )
        grouped = dict.fromkeys(one for classes in sweep.groups.values() for one in classes)
        rows.append(
            RowFigures(
                row=row,
                figures=figures,
                gains={name: spread.over(rows[0].figures[name]) for name, spread in figures.items()} if rows else {},
                classes={
                    one: Spread({s: value for s, iou in ious.items() if (value := iou.get(one)) is not None})
                    for one in grouped
                },
                minutes=Spread({seed: _minutes(folder / runs[seed].folder) for seed in found}),
                protocols=tuple(dict.fromkeys(metrics["protocol"] for metrics in found.values())),
            )
        )
    return rows


def ious_of(metrics: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the IoU of each class, by its name, in what a run scored in one test; None of a class that is absent."""
    return {one["name"]: one["iou"] for one in metrics["classes"]}


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _minutes(run: Path) -> float:
    return float(json.loads((run / RUN_FACTS).read_text(encoding="utf-8"))["seconds"]) / 60
