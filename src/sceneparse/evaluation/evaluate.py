"""Running a protocol over a data set."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text
from torch import Tensor

from sceneparse.data.sample import DataSet, Sample
from sceneparse.errors import UserError
from sceneparse.evaluation.metrics import ConfusionMatrix, Scores, picture_score, score
from sceneparse.evaluation.task_metrics import TaskCounts, TaskScores, task_scores
from sceneparse.inference import Engine, TestProtocol, label, predict_tasks
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.processes import ALONE, Processes

AHEAD = 2
"""Samples that are read ahead while the network works."""


@dataclass(frozen=True)
class PictureScore:
    """One picture's score.

    Args:
        index: Its index in the data set.
        name: Its name.
        mean_iou: Mean IoU over the classes that occur in its truth or prediction; None if no pixel's truth is known.
        pixel_accuracy: Share of its known pixels that are right; None likewise.
    """

    index: int
    name: str
    mean_iou: float | None
    pixel_accuracy: float | None


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Args:
        scores: The scores over all pictures.
        counts: (C, C) int64 pixels, rows truth, columns prediction.
        pictures: Each picture's own score.
        protocol: How the pictures were tested.
        labels: The label space.
        seconds: How long it took, reading included.
        tasks: The scores of the tasks beside the objects; None for a model without.
        task_counts: What they are functions of, as in `TaskCounts`.
    """

    scores: Scores
    counts: Tensor
    pictures: tuple[PictureScore, ...]
    protocol: TestProtocol
    labels: LabelSpace
    seconds: float
    tasks: TaskScores | None = None
    task_counts: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def pictures_per_second(self) -> float:
        """Speed, reading included."""
        return len(self.pictures) / self.seconds

    def to_json(self) -> dict[str, Any]:
        """The content of metrics.json; fractions 0..1, null for classes without a score."""
        tasks = {} if self.tasks is None else {"tasks": self.tasks.to_json()}
        return {
            "mean_iou": self.scores.mean_iou,
            "pixel_accuracy": self.scores.pixel_accuracy,
            "mean_accuracy": self.scores.mean_accuracy,
            "frequency_weighted_iou": self.scores.frequency_weighted_iou,
            "protocol": self.protocol.describe(),
            "pictures": len(self.pictures),
            "seconds": round(self.seconds, 3),
            "pictures_per_second": round(self.pictures_per_second, 3),
            "classes": [
                {"name": one.name, "iou": one.iou, "accuracy": one.accuracy, "pixels": one.pixels}
                for one in self.scores.classes
            ],
            "confusion": self.counts.tolist(),
            **tasks,
        }


def evaluate(
    engine: Engine,
    dataset: DataSet,
    protocol: TestProtocol,
    *,
    tasks: TaskLabels | None = None,
    count: int | None = None,
    progress: str | None = None,
    processes: Processes = ALONE,
) -> Evaluation:
    """Score an engine on a data set, each picture at its own resolution.

    Args:
        engine: What gives scores.
        dataset: Pictures with object labels; with `tasks`, some of them may have labels for other tasks only.
        protocol: How pictures are tested.
        tasks: The tasks to score beside the objects; the model must have a head for each.
        count: Test only so many pictures, evenly spaced; None or more than there are tests all.
        progress: Title of a progress bar on the terminal (standard error); None for silence. It counts this process's
            pictures.
        processes: Processes that share the pictures. All get the same evaluation, equal to one process's to the last
            bit but for its time.

    Raises:
        UserError: Nothing to score: no pictures, a sample without object labels, no pixel with a known class; or the
            engine has other classes than the data set, or lacks a task.
    """
    if engine.num_classes != len(dataset.labels):
        raise UserError(f"the model has {engine.num_classes} classes, but the data set has {len(dataset.labels)}")
    indices = spaced(len(dataset), count)
    matrix, pictures = ConfusionMatrix(engine.num_classes), []
    others = None if tasks is None else TaskCounts(tasks)
    began = time.perf_counter()
    share = processes.share(indices)
    with _progress_bar(progress, len(share)) as advance:
        for index, sample in read_ahead(dataset, share):
            name = dataset.name(index)
            if others is not None:
                prediction = predict_tasks(engine, sample.image, protocol, others.tasks)
                others.update(sample, prediction)
                labels = prediction.objects.labels
            elif sample.objects is None:
                raise UserError(f"{name}: no object labels, so there is nothing to compare with")
            else:
                labels = label(engine, sample.image, protocol)
            own = None if sample.objects is None else picture_score(matrix.update(sample.objects, labels))
            pictures.append(PictureScore(index, name, *(own or (None, None))))
            advance(matrix)
    seconds = time.perf_counter() - began
    confusion = processes.total(matrix.counts)
    if not confusion.any():
        raise UserError(f"none of the {len(indices)} pictures has a pixel whose class is known: check the label space")
    scores = score(confusion, dataset.labels.names, protocol.absent)
    counts = {} if others is None else {name: processes.total(others.counts[name]) for name in sorted(others.counts)}
    return Evaluation(
        scores=scores,
        counts=confusion,
        pictures=_of_all(pictures, dataset, processes),
        protocol=protocol,
        labels=dataset.labels,
        seconds=seconds,
        tasks=None if tasks is None else task_scores(counts, tasks, protocol.absent),
        task_counts=counts,
    )


def _of_all(pictures: list[PictureScore], dataset: DataSet, processes: Processes) -> tuple[PictureScore, ...]:
    """The pictures' scores of all processes, in the order of the data set."""
    if processes.world == 1:
        return tuple(pictures)

    def number(value: float | None) -> float:
        return math.nan if value is None else value

    rows = [(one.index, number(one.mean_iou), number(one.pixel_accuracy)) for one in pictures]
    table = processes.gather(torch.tensor(rows, dtype=torch.float64).reshape(-1, 3)).tolist()
    return tuple(
        PictureScore(int(index), dataset.name(int(index)), *(None if math.isnan(one) else one for one in figures))
        for index, *figures in sorted(table, key=lambda row: row[0])
    )


def spaced(length: int, count: int | None) -> list[int]:
    """`count` indices below `length`, evenly spaced; all of them for None or a larger count.

    Raises:
        UserError: No pictures, or a count below 1.
    """
    if length == 0:
        raise UserError("the data set has no pictures, so there is nothing to score")
    if count is not None and count < 1:
        raise UserError(f"count is {count}, but must be at least 1")
    chosen = length if count is None else min(count, length)
    return [index * length // chosen for index in range(chosen)]


def print_scores(evaluation: Evaluation, console: Console) -> None:
    """Print a table: every class with its scores, the means, and the protocol that they hold for."""
    scores = evaluation.scores
    total = sum(one.pixels for one in scores.classes)
    console.print(f"protocol {evaluation.protocol.describe()}", highlight=False)
    table = Table()
    table.add_column("class")
    table.add_column("", no_wrap=True, min_width=20)
    for column in ("IoU", "accuracy", "pixels"):
        table.add_column(column, justify="right")
    for one in scores.classes:
        # As text: a name's square brackets are no markup.
        name, share = Text(one.name), f"{one.pixels / total:.2%}"
        table.add_row(name, _bar(one.iou), _percent(one.iou), _percent(one.accuracy), share)
    table.add_section()
    table.add_row(
        "mean", _bar(scores.mean_iou), _percent(scores.mean_iou), _percent(scores.mean_accuracy), "", style="bold"
    )
    console.print(table)
    if evaluation.tasks is not None:
        console.print(_task_table(scores, evaluation.tasks))
    console.print(
        f"pixel accuracy {_percent(scores.pixel_accuracy)}, "
        f"frequency-weighted IoU {_percent(scores.frequency_weighted_iou)}, "
        f"{len(evaluation.pictures):,} pictures in {evaluation.seconds:.1f} s "
        f"({evaluation.pictures_per_second:.2f} a second)",
        highlight=False,
    )


def task_rows(objects: Scores, tasks: TaskScores) -> dict[str, tuple[float | None, float | None, float | None]]:
    """Top-1, mean IoU and pixel accuracy of each task, as in the paper's joint table."""

    def pixels(scores: Scores | None) -> tuple[float | None, float | None]:
        return (None, None) if scores is None else (scores.mean_iou, scores.pixel_accuracy)

    return {
        "scene": (tasks.scene_accuracy, None, None),
        "object": (None, *pixels(objects)),
        "part (mIoU-bg)": (None, tasks.part_mean_iou, tasks.part_pixel_accuracy),
        "material": (None, *pixels(tasks.material)),
        "texture": (tasks.texture_accuracy, *pixels(tasks.texture)),
    }


def _task_table(objects: Scores, tasks: TaskScores) -> Table:
    table = Table("task", title="all tasks")
    for column in ("top-1", "mean IoU", "pixel accuracy"):
        table.add_column(column, justify="right")
    for name, figures in task_rows(objects, tasks).items():
        table.add_row(name, *map(_percent, figures))
    return table


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f}"


def _bar(value: float | None, width: int = 20) -> str:
    """A bar of eighths of a character."""
    eighths = round((value or 0.0) * width * 8)
    return "█" * (eighths // 8) + ("", *"▏▎▍▌▋▊▉")[eighths % 8]


def read_ahead(dataset: DataSet, indices: Sequence[int]) -> Iterator[tuple[int, Sample]]:
    """The samples in order; the next ones are read in a thread meanwhile."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
    waiting: deque[tuple[int, Future[Sample]]] = deque()
    try:
        for index in indices:
            waiting.append((index, pool.submit(dataset.__getitem__, index)))
            if len(waiting) > AHEAD:
                ready, future = waiting.popleft()
                yield ready, future.result()
        for ready, future in waiting:
            yield ready, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _progress_bar(title: str | None, total: int) -> Iterator[Callable[[ConfusionMatrix], None]]:
    """A progress bar with the running mean IoU (over the classes met so far); a call moves it on by one picture."""
    if title is None:
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("mean IoU {task.fields[iou]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total, iou="–")
        yield lambda matrix: bar.update(task, advance=1, iou=_percent(picture_score(matrix.counts)[0]))
