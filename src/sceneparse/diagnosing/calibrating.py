"""`sceneparse calibrate` as a function: temperatures fitted on labelled pictures, kept in the model folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from sceneparse.calls import by_name
from sceneparse.data.sample import tasks_of
from sceneparse.datasets.testing import data_settings, open_for_testing
from sceneparse.diagnosing.calibration import Calibration
from sceneparse.diagnosing.sampled_pixels import sample_pixels
from sceneparse.diagnosing.temperature import HIGHEST, LOWEST, Scored, calibration, fit_temperature, likelihood
from sceneparse.drawing.notebook import result_html, table_html
from sceneparse.errors import UserError, counted
from sceneparse.evaluation.command import (
    check_test,
    notes_on,
    protocol_of,
)
from sceneparse.evaluation.facts import data_line, data_title
from sceneparse.evaluation.reading import spaced
from sceneparse.files import refuse_unwritable_file, refuse_unwritable_folder, write_json
from sceneparse.inference import EngineName, Opened
from sceneparse.inference.open_model import checked_source, find_to_open
from sceneparse.labels.agreement import refuse_other_classes, refuse_other_tasks
from sceneparse.paths import expanded
from sceneparse.progress import progress_bar, results_console
from sceneparse.settings import DataSettings, Precision
from sceneparse.settings.engine import meant_by
from sceneparse.tasks import Task
from sceneparse.weights.calibrated import folder_to_calibrate, keep_temperatures, refuse_crf
from sceneparse.weights.config import CONFIG
from sceneparse.weights.conversions import fingerprint_of
from sceneparse.weights.naming import name_of
from sceneparse.weights.run_folder import beside
from sceneparse.weights.swapped import refuse_swapped
from sceneparse.weights.trained_on import trained_on


@dataclass(frozen=True)
class Under:
    """How well a model's probabilities fit the truth under a temperature.

    Args:
        temperature: The temperature.
        likelihood: The mean negative log-likelihood of the truth, in nats.
        calibration: Whether labels are right as often as the model says.
    """

    temperature: float
    likelihood: float
    calibration: Calibration

    @classmethod
    def of(cls, scored: Scored, temperature: float) -> "Under":
        """Measure it."""
        return cls(temperature, likelihood(scored, temperature), calibration(scored, temperature))

    def to_json(self) -> dict[str, Any]:
        """For calibration.json."""
        return {
            "temperature": self.temperature,
            "negative_log_likelihood": self.likelihood,
            **self.calibration.to_json(),
        }


@dataclass(frozen=True)
class Calibrated:
    """A task whose probabilities were fitted.

    Args:
        task: The task.
        count: Of so many labelled pixels; of the scene, pictures.
        before: As the model was.
        fitted: Under the temperature that makes the truth most likely.
    """

    task: Task
    count: int
    before: Under
    fitted: Under

    def __repr__(self) -> str:
        was, now = self.before, self.after
        if not self.kept:
            return f"Calibrated({self.task}: temperature {was.temperature:.4g} stays)"
        errors = f"{_percent(was.calibration.error)} → {_percent(now.calibration.error)}%"
        return (
            f"Calibrated({self.task}: temperature {was.temperature:.4g} → {now.temperature:.4g}, "
            f"calibration error {errors})"
        )

    @property
    def kept(self) -> bool:
        """Whether the model is given the temperature: not if its labels were right as often as it says before."""
        return self.fitted.calibration.error <= self.before.calibration.error

    @property
    def after(self) -> Under:
        """As the model is now."""
        return self.fitted if self.kept else self.before

    def note(self) -> str:
        """Say why a temperature is not kept."""
        before, fitted = (100 * under.calibration.error for under in (self.before, self.fitted))
        return (
            f"task {self.task}: under the temperature {self.fitted.temperature:.4g} the truth is likelier, but the "
            f"calibration error would grow from {before:.2f} to {fitted:.2f}%: it is not kept, and that of the model "
            f"stays {self.before.temperature:.4g}"
        )

    def rows(self) -> list[tuple[str, ...]]:
        """Return rows of a table, before and after: task, when, temperature, likelihood, error, labels."""
        return [
            (
                str(self.task) if name == "before" else "",
                name,
                f"{under.temperature:.4g}",
                f"{under.likelihood:.4f}",
                _percent(under.calibration.error),
                f"{self.count:,}" if name == "before" else "",
            )
            for name, under in (("before", self.before), ("after" if self.kept else "not kept", self.fitted))
        ]

    def to_json(self) -> dict[str, Any]:
        """For calibration.json."""
        refused = {} if self.kept else {"not_kept": self.fitted.to_json()}
        return {"count": self.count, "before": self.before.to_json(), "after": self.after.to_json(), **refused}


class CalibratedTasks(tuple[Calibrated, ...]):
    """What `calibrate` fitted, by task.

    Attributes:
        report: The file with its figures.
    """

    report: Path

    @classmethod
    def of(cls, fitted: Sequence[Calibrated], report: Path) -> "CalibratedTasks":
        """Put them together."""
        found = cls(fitted)
        found.report = report
        return found

    def _repr_html_(self) -> str:
        columns = ("task", "", "temperature", "negative log-likelihood", "calibration error %", "labels")
        table = table_html(columns, [row for one in self for row in one.rows()], texts=2)
        what = f"Calibrated({counted(len(self), 'task')}, {sum(one.kept for one in self)} of them changed)"
        return result_html(what, [table], [one.note() for one in self if not one.kept], self.report)


@by_name("calibrate", meant=meant_by)
def calibrate_model(
    model: str | Path,
    data: str | Path | DataSettings | None = None,
    *,
    kind: str | None = None,
    split: str | None = None,
    out: str | Path | None = None,
    count: int | None = None,
    engine: EngineName = "auto",
    device: str = "auto",
    precision: Precision = "auto",
    progress: bool = True,
) -> CalibratedTasks:
    """Fit a model's temperatures to labelled pictures, and keep them in its folder.

    From then on every probability that is made of the model's logits is made of logits divided by the temperature; the
    labels stay what they are. Fitted is under the model's own protocol. A temperature under which the expected
    calibration error is larger than before is not kept.

    Args:
        model: A model folder, or a training's run folder.
        data: The data set's folder, or all of its settings. Default: the data set that the model was trained on, if
            that needs no folder.
        kind: The data set's kind. Default: the model's.
        split: Split to fit to, which the model must not have learnt from. Default: the model's validation split.
        out: Where calibration.json goes. Default: `calibration` in the model's run, NAME-calibration beside any other
            model folder.
        count: Take only so many pictures, evenly spaced.
        engine: auto, torch, compile, openvino or onnxruntime.
        device: auto, cpu, cuda, cuda:N, mps, xpu or xpu:N.
        precision: auto, float32, tf32 or bfloat16.
        progress: Show a progress bar, the figures before and after, and the file's path.

    Returns:
        What was fitted, by task.

    Raises:
        UserError: No such model or data set, one that temperatures cannot be kept for, or nothing to fit to.
    """
    model = checked_source("model", model)
    refuse_swapped("calibrate", model, data)
    check_test(data, kind, split, out, count, progress)
    folder = folder_to_calibrate(model)
    found = find_to_open(folder, engine=engine, device=device, precision=precision)
    settings = data_settings(found.config.data, data, kind, None, own=trained_on(folder))
    protocol = protocol_of(found.config, None, settings)
    refuse_crf(model, found.config.protocol)
    settings = replace(settings, test=split or settings.val)
    dataset = open_for_testing(settings, channels=found.config.backbone.in_channels)
    refuse_other_classes(str(model), found.labels, dataset.labels)
    refuse_other_tasks(str(model), found.tasks, tasks_of(dataset))
    indices = spaced(len(dataset), count)
    path = expanded(out or beside(model, "calibration")) / "calibration.json"
    refuse_unwritable_folder(path.parent, path.name)
    refuse_unwritable_file(folder / CONFIG)
    opened = found.open()
    said = notes_on(str(model), opened, settings, dataset, shown=progress)
    with progress_bar(progress, len(indices), f"scoring {settings.kind} {settings.test}") as advance:
        sampled = sample_pixels(opened.engine, dataset, indices, protocol, opened.tasks, advance)
    fitted, notes = _fitted(sampled.by_task, opened)
    if not fitted:
        reason = "; ".join(notes) or f"no label is known in {counted(len(indices), 'picture')}: check the label space"
        raise UserError(f"{model}: {reason}")
    if fingerprint_of(folder) != opened.fingerprint:
        raise UserError(f"{folder}: has become another model meanwhile: calibrate that one")
    kept = {str(one.task): one.after.temperature for one in fitted if one.kept}
    described = sampled.protocol.describe()
    facts = {
        "model": name_of(model),
        "recipe": opened.config.name,
        "data": data_line(settings),
        "pictures": len(indices),
        "protocol": described,
    }
    tasks = {str(one.task): one.to_json() for one in fitted}
    notes += [one.note() for one in fitted if not one.kept]
    # The folder last: what is in it is what was written down.
    write_json(path, {**facts, **({"notes": list(said)} if said else {}), "tasks": tasks})
    if kept:
        keep_temperatures(folder, replace(opened.config.temperatures, **kept))
    if progress:
        print(f"{counted(len(indices), 'picture')} of {data_title(settings)}; protocol {described}")
        _print(fitted, notes, results_console())
        print(f"kept in: {folder}" if kept else f"nothing kept: {folder} is as it was")
        print(f"figures: {path}")
    return CalibratedTasks.of(fitted, path)


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _fitted(scored: Mapping[Task, Scored], opened: Opened) -> tuple[tuple[Calibrated, ...], list[str]]:
    """What could be fitted, and what could not."""
    fitted, notes = [], []
    for task in Task:
        pixels = scored.get(task)
        if pixels is None or not len(pixels):
            continue
        temperature = fit_temperature(pixels)
        if temperature is None:
            notes.append(
                f"no temperature from {LOWEST:g} to {HIGHEST:g} fits task {task}: its {counted(len(pixels), 'label')} "
                "are all right, or right by no more than chance; give more pictures"
            )
            continue
        before, after = (Under.of(pixels, one) for one in (opened.config.temperatures.of(task), temperature))
        fitted.append(Calibrated(task, len(pixels), before, after))
    return tuple(fitted), notes


def _print(fitted: tuple[Calibrated, ...], notes: list[str], console: Console) -> None:
    table = Table("task")
    for column in ("", "temperature", "negative log-\nlikelihood", "calibration\nerror %", "labels"):
        table.add_column(column, justify="left" if not column else "right")
    for one in fitted:
        for row in one.rows():
            table.add_row(*row)
    console.print(table)
    for note in notes:
        console.print(f"note: {note}", highlight=False, markup=False)
