"""The figures of an evaluation: one table that terminal, metrics.json, report, model card, training and sweeps read.

A figure is a function of whole counts. Adding one is an entry in `FIGURES`; if it needs counts of its own, also a file
with an accumulator. It then stands everywhere.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from sceneparse.evaluation.accumulators import Accumulator
from sceneparse.evaluation.metrics import Scores
from sceneparse.evaluation.task_metrics import TaskScores
from sceneparse.labels import TaskLabels
from sceneparse.tables import Table
from sceneparse.tasks import Task


@dataclass(frozen=True)
class Counted:
    """What figures are computed from.

    Args:
        objects: The scores over object pixels.
        tasks: The scores of the other tasks; None for a model without.
        counts: All counts by name, of the accumulators that figures name among them.
    """

    objects: Scores
    tasks: TaskScores | None
    counts: Mapping[str, Tensor]


@dataclass(frozen=True)
class Figure:
    """A number that says how good a model is.

    Its key in `FIGURES` is its name in validation results, metrics.jsonl, the model card and, for the objects, in
    metrics.json.

    Args:
        title: What it is called where it stands alone, as on the model card.
        short: What it is called beside its task, as in the report; figures of one column in the table of tasks share
            it.
        task: The task that it is about.
        value: What it is, of an evaluation's counts; None where nothing is labelled for it.
        name: Its key among its task's in metrics.json. Empty: its key.
        headline: Whether the best network is chosen by it: by the mean of all headlines that are known. One of a task,
            so that each task counts alike.
        higher_is_better: Whether more is better.
        unit: "%" of a value 0..1, or what it is measured in.
        note: What the table of tasks says beside the task.
        card: Whether the model card shows it.
        log: Whether each validation writes it to metrics.jsonl; of the objects, also whether sweeps compare it.
        accumulator: What counts for it, if it needs more than the confusion matrices and `TaskCounts`.
    """

    title: str
    short: str
    task: Task
    value: Callable[[Counted], float | None]
    name: str = ""
    headline: bool = False
    higher_is_better: bool = True
    unit: str = "%"
    note: str = ""
    card: bool = True
    log: bool = True
    accumulator: Callable[[TaskLabels], Accumulator] | None = None

    def __post_init__(self) -> None:
        if self.headline and not (self.higher_is_better and self.unit == "%"):
            raise ValueError(
                f"figure '{self.title}': headlines are averaged, so each is a percentage, and more is better"
            )

    def text(self, value: float | None, digits: int = 2) -> str:
        """The value without its unit, "–" where there is none."""
        if value is None:
            return "–"
        return f"{100 * value if self.unit == '%' else value:.{digits}f}"

    def with_unit(self, value: float | None, digits: int = 2) -> str:
        """The value with its unit, "–" where there is none."""
        space = "" if self.unit == "%" else " "
        return "–" if value is None else f"{self.text(value, digits)}{space}{self.unit}"


def _scores(task: Literal[Task.MATERIAL, Task.TEXTURE], name: str) -> Callable[[Counted], float | None]:
    """A score over the pixels of a task."""

    def value(counted: Counted) -> float | None:
        scores: Scores | None = None if counted.tasks is None else getattr(counted.tasks, task)
        return None if scores is None else float(getattr(scores, name))

    return value


def _of_tasks(name: str) -> Callable[[Counted], float | None]:
    """A field of `TaskScores`."""

    def value(counted: Counted) -> float | None:
        found: float | None = None if counted.tasks is None else getattr(counted.tasks, name)
        return found

    return value


MEAN_IOU = Figure("mean IoU", "mean IoU", Task.OBJECT, lambda counted: counted.objects.mean_iou, headline=True)
PIXEL_ACCURACY = Figure("pixel accuracy", "pixel accuracy", Task.OBJECT, lambda counted: counted.objects.pixel_accuracy)
MEAN_ACCURACY = Figure(
    "mean class accuracy", "mean accuracy", Task.OBJECT, lambda counted: counted.objects.mean_accuracy, log=False
)
FREQUENCY_WEIGHTED_IOU = Figure(
    "frequency-weighted IoU",
    "frequency-weighted IoU",
    Task.OBJECT,
    lambda counted: counted.objects.frequency_weighted_iou,
    log=False,
)
SCENE_TOP1 = Figure("scene top-1", "top-1", Task.SCENE, _of_tasks("scene_accuracy"), name="top1", headline=True)
PART_MEAN_IOU = Figure(
    "part mIoU-bg",
    "mean IoU",
    Task.PART,
    _of_tasks("part_mean_iou"),
    name="mean_iou_bg",
    headline=True,
    note="mIoU-bg",
)
PART_PIXEL_ACCURACY = Figure(
    "part pixel accuracy",
    "pixel accuracy",
    Task.PART,
    _of_tasks("part_pixel_accuracy"),
    name="pixel_accuracy",
    card=False,
    log=False,
)
MATERIAL_MEAN_IOU = Figure(
    "material mean IoU", "mean IoU", Task.MATERIAL, _scores(Task.MATERIAL, "mean_iou"), name="mean_iou", headline=True
)
MATERIAL_PIXEL_ACCURACY = Figure(
    "material pixel accuracy",
    "pixel accuracy",
    Task.MATERIAL,
    _scores(Task.MATERIAL, "pixel_accuracy"),
    name="pixel_accuracy",
    card=False,
    log=False,
)
TEXTURE_TOP1 = Figure(
    "texture top-1 over pictures", "top-1", Task.TEXTURE, _of_tasks("texture_accuracy"), name="top1", headline=True
)
TEXTURE_MEAN_IOU = Figure(
    "texture mean IoU",
    "mean IoU",
    Task.TEXTURE,
    _scores(Task.TEXTURE, "mean_iou"),
    name="mean_iou",
    card=False,
    log=False,
)
TEXTURE_PIXEL_ACCURACY = Figure(
    "texture pixel accuracy",
    "pixel accuracy",
    Task.TEXTURE,
    _scores(Task.TEXTURE, "pixel_accuracy"),
    name="pixel_accuracy",
)

FIGURES: Table[Figure] = Table(
    "figures",
    {
        "mean_iou": f"{__name__}:MEAN_IOU",
        "pixel_accuracy": f"{__name__}:PIXEL_ACCURACY",
        "mean_accuracy": f"{__name__}:MEAN_ACCURACY",
        "frequency_weighted_iou": f"{__name__}:FREQUENCY_WEIGHTED_IOU",
        "scene_top1": f"{__name__}:SCENE_TOP1",
        "part_mean_iou": f"{__name__}:PART_MEAN_IOU",
        "part_pixel_accuracy": f"{__name__}:PART_PIXEL_ACCURACY",
        "material_mean_iou": f"{__name__}:MATERIAL_MEAN_IOU",
        "material_pixel_accuracy": f"{__name__}:MATERIAL_PIXEL_ACCURACY",
        "texture_top1": f"{__name__}:TEXTURE_TOP1",
        "texture_mean_iou": f"{__name__}:TEXTURE_MEAN_IOU",
        "texture_pixel_accuracy": f"{__name__}:TEXTURE_PIXEL_ACCURACY",
    },
    kind=f"{__name__}:Figure",
)
"""Every figure by its key, in the order in which they are shown. Other packages add theirs by entry points."""


def figures_of(task: Task) -> dict[str, Figure]:
    """The figures of a task by their keys."""
    return {key: figure for key, figure in FIGURES.usable() if figure.task is task}


def plain(value: float | None) -> float | None:
    """Return a figure as a number of Python's own, which all files take; None of what is not finite.

    Args:
        value: What a figure's function gave: another package's may be a number of NumPy's, or a tensor of one.
    """
    return None if value is None or not math.isfinite(number := float(value)) else number


def mean_of_headlines(figures: Mapping[str, Any]) -> float | None:
    """Return the score by which the best network is chosen: the mean of the headline figures that are known.

    Args:
        figures: Figures by their keys, as a validation or a line of metrics.jsonl has them; others are left out.

    Returns:
        The mean, 0..1; None where no headline is known.
    """
    chosen_by = [figures.get(key) for key, one in FIGURES.usable() if one.headline]
    known = [float(value) for value in chosen_by if isinstance(value, int | float)]
    return sum(known) / len(known) if known else None


def accumulators(labels: TaskLabels) -> list[Accumulator]:
    """What counts for the figures that need counts of their own; one for each kind, however many figures share it.

    Args:
        labels: The label spaces of the tasks that the model knows.
    """
    known = labels.spaces()
    makers = [one.accumulator for _, one in FIGURES.usable() if one.accumulator is not None and one.task in known]
    return [make(labels) for make in dict.fromkeys(makers)]
