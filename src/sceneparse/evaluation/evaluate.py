"""Evaluate an engine on a data set under a protocol."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from sceneparse.data.sample import DataSet
from sceneparse.drawing.notebook import result_html, table_html
from sceneparse.errors import NothingToScoreError, UserError, counted
from sceneparse.evaluation.facts import EvaluationFacts
from sceneparse.evaluation.figures import FIGURES, Counted, accumulators, figures_of, plain
from sceneparse.evaluation.metrics import ConfusionMatrix, Scores, picture_score, score
from sceneparse.evaluation.reading import read_ahead, spaced
from sceneparse.evaluation.task_metrics import TaskCounts, TaskScores, task_scores
from sceneparse.inference import Engine, TestProtocol, label, predict_tasks
from sceneparse.inference.scale import doubt_of
from sceneparse.inference.worth_compiling import Amount, work_ahead
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.processes import ALONE, Processes
from sceneparse.progress import line_of_progress
from sceneparse.settings import LearntSizes
from sceneparse.tasks import Task


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
    """The result of an evaluation.

    Args:
        scores: The scores over all pictures.
        counts: (C, C) int64 pixels, rows truth, columns prediction.
        pictures: Each picture's own score.
        protocol: How the pictures were tested.
        labels: The label space.
        seconds: How long it took, reading included.
        tasks: The scores of the tasks beside the objects; None for a model without.
        task_counts: The counts of `TaskCounts` and of the accumulators that figures name.
        facts: Which data and which model it is of; None where nothing says it.
        doubt: How many pictures are far from the sizes that the model learnt from, and what that means for one of them;
            None where none is.
        notes: What is to be known of the data: what was left out or assumed, and whether the model learnt from them.
        report: The page that was written of it; None where none was.
    """

    scores: Scores
    counts: Tensor
    pictures: tuple[PictureScore, ...]
    protocol: TestProtocol
    labels: LabelSpace
    seconds: float
    tasks: TaskScores | None = None
    task_counts: Mapping[str, Tensor] = field(default_factory=dict)
    facts: EvaluationFacts | None = None
    doubt: str | None = None
    notes: tuple[str, ...] = ()
    report: Path | None = None

    def __repr__(self) -> str:
        said = [f"{one.title} {one.with_unit(self.figures[key], 2)}" for key, one in FIGURES.usable() if one.headline]
        known = [text for text in said if not text.endswith("–")]
        found = [*known, f"pixel accuracy {FIGURES['pixel_accuracy'].with_unit(self.figures['pixel_accuracy'], 2)}"]
        return f"Evaluation({', '.join(found)}; {counted(len(self.pictures), 'picture')}; {self.protocol.describe()})"

    def _repr_html_(self) -> str:
        return result_html(repr(self), [self.class_table()], self.notes, self.report)

    def class_table(self) -> str:
        """Return every class with its scores and its share of the labelled pixels, as HTML for a notebook."""
        total, percent = max(sum(one.pixels for one in self.scores.classes), 1), FIGURES["mean_iou"].text
        rows = [
            (one.name, percent(one.iou), percent(one.accuracy), f"{one.pixels / total:.2%}")
            for one in self.scores.classes
        ]
        means = ("mean", percent(self.scores.mean_iou), percent(self.scores.mean_accuracy), "")
        return table_html(("class", "IoU %", "accuracy %", "pixels"), [*rows, means])

    @cached_property
    def figures(self) -> dict[str, float | None]:
        """Every figure by its key in `FIGURES`; None where nothing is labelled for it."""
        counted = Counted(self.scores, self.tasks, self.task_counts)
        return {key: plain(figure.value(counted)) for key, figure in FIGURES.usable()}

    @property
    def pictures_per_second(self) -> float:
        """Speed, reading included."""
        return len(self.pictures) / self.seconds

    def to_json(self) -> dict[str, Any]:
        """The content of metrics.json; fractions 0..1, null for classes without a score."""
        return {
            **{FIGURES[key].name or key: self.figures[key] for key in figures_of(Task.OBJECT)},
            "protocol": self.protocol.describe(),
            **({} if self.facts is None else asdict(self.facts)),
            "pictures": len(self.pictures),
            "seconds": round(self.seconds, 3),
            "pictures_per_second": round(self.pictures_per_second, 3),
            **({} if self.doubt is None else {"doubt": self.doubt}),
            **({"notes": list(self.notes)} if self.notes else {}),
            "classes": [
                {"name": one.name, "iou": one.iou, "accuracy": one.accuracy, "pixels": one.pixels}
                for one in self.scores.classes
            ],
            "confusion": self.counts.tolist(),
            **({} if self.tasks is None else {"tasks": self.tasks_to_json()}),
        }

    def tasks_to_json(self) -> dict[str, Any]:
        """The tasks of metrics.json by their names: figures, null where nothing is labelled, and details."""
        assert self.tasks is not None
        return {
            str(task): {one.name or key: self.figures[key] for key, one in figures_of(task).items()} | details
            for task, details in self.tasks.details().items()
        }

    def headlines(self) -> dict[str, float]:
        """The figure of each task beside the objects that is scored and that the best network is chosen by."""
        chosen_by = [key for key, one in FIGURES.usable() if one.headline and one.task is not Task.OBJECT]
        return {key: value for key in chosen_by if (value := self.figures[key]) is not None}


def evaluate(
    engine: Engine,
    dataset: DataSet,
    protocol: TestProtocol,
    *,
    tasks: TaskLabels | None = None,
    sizes: LearntSizes | None = None,
    count: int | None = None,
    progress: str | None = None,
    processes: Processes = ALONE,
    readers: int = 1,
) -> Evaluation:
    """Score an engine on a data set, each picture at its own resolution.

    Args:
        engine: What gives scores.
        dataset: Pictures with object labels; with `tasks`, some of them may have labels for other tasks only.
        protocol: How pictures are tested.
        tasks: The tasks to score beside the objects; the model must have a head for each.
        sizes: What the model learnt from, to say how many pictures are far from that.
        count: Test only so many pictures, evenly spaced; None or more than there are tests all.
        progress: Title of a progress bar on the terminal (standard error); None for silence. It counts this process's
            pictures.
        processes: Processes that share the pictures. All get the same evaluation, equal to one process's to the last
            bit but for its time.
        readers: Threads that read samples, as of `readers_for`.

    Raises:
        UserError: Nothing to score: no pictures, a sample without object labels, no pixel with a known class; or the
            engine has other classes than the data set, or lacks a task.
    """
    if engine.num_classes != len(dataset.labels):
        raise UserError(
            f"the model has {counted(engine.num_classes, 'class', 'classes')}, but the data set has "
            f"{len(dataset.labels)}"
        )
    indices = spaced(len(dataset), count)
    matrix, resized = ConfusionMatrix(engine.num_classes), 0
    pictures: list[PictureScore] = []
    far: list[tuple[int, int, int]] = []
    known = tasks or TaskLabels(dataset.labels)
    counters = [*accumulators(known), *([] if tasks is None else [TaskCounts(tasks)])]
    began = time.perf_counter()
    share = processes.share(indices)

    def amount() -> Amount:
        return Amount(len(pictures), len(share) - len(pictures))

    with _progress_bar(progress, len(share)) as advance, work_ahead(engine, amount):
        for index, sample in read_ahead(dataset, share, readers):
            name = dataset.name(index)
            resized += not protocol.keeps(sample.size)
            if sizes is not None and doubt_of(protocol, sizes, sample.size) is not None:
                far.append((index, *sample.size))
            if tasks is not None:
                answers = predict_tasks(engine, sample.image, protocol, tasks).answers()
            elif sample.objects is None:
                raise UserError(f"{name}: no object labels, so there is nothing to compare with")
            else:
                answers = {Task.OBJECT: label(engine, sample.image, protocol)}
            for counter in counters:
                counter.update(sample, answers)
            labels = answers[Task.OBJECT]
            own = None if sample.objects is None else picture_score(matrix.update(sample.objects, labels))
            pictures.append(PictureScore(index, name, *(own or (None, None))))
            advance(matrix)
    # That of the process that took longest.
    own_seconds = torch.tensor([[time.perf_counter() - began]], dtype=torch.float64)
    seconds = float(processes.gather(own_seconds).max())
    confusion = processes.total(matrix.counts)
    if not confusion.any():
        raise NothingToScoreError(
            f"no pixel whose class is known in {counted(len(indices), 'picture')}: check the label space"
        )
    scores = score(confusion, dataset.labels.names, protocol.absent)
    found = {str(name): counts for counter in counters for name, counts in counter.counts.items()}
    counts = {name: processes.total(found[name]) for name in sorted(found)}
    return Evaluation(
        scores=scores,
        counts=confusion,
        pictures=_of_all(pictures, dataset, processes),
        protocol=protocol.as_used(bool(processes.total(torch.tensor([resized])).any())),
        labels=dataset.labels,
        seconds=seconds,
        tasks=None if tasks is None else task_scores(counts, tasks, protocol.absent),
        task_counts=counts,
        doubt=_doubt(far, len(indices), dataset, protocol, sizes, processes),
    )


def _doubt(
    far: Sequence[tuple[int, int, int]],
    count: int,
    dataset: DataSet,
    protocol: TestProtocol,
    sizes: LearntSizes | None,
    processes: Processes,
) -> str | None:
    """What is to be said of the pictures, of all processes, that are far from what the model learnt from."""
    if sizes is None:
        return None
    rows = processes.gather(torch.tensor(far, dtype=torch.int64).reshape(-1, 3)).tolist()
    if not rows:
        return None
    index, *size = min(rows)
    return doubt_line(len(rows), count, dataset.name(index), f"{doubt_of(protocol, sizes, (size[0], size[1]))}")


def doubt_line(far: int, count: int, name: str, doubt: str) -> str:
    """Say how many pictures are far from the sizes that a model learnt from.

    Args:
        far: How many.
        count: Of so many.
        name: The first of them.
        doubt: What that means for it, as of `doubt_of`.
    """
    return f"{far:,} of {counted(count, 'picture')}, such as {name}: {doubt}"


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


@contextmanager
def _progress_bar(title: str | None, total: int) -> Iterator[Callable[[ConfusionMatrix], None]]:
    """A progress bar with the running mean IoU (over the classes met so far); a call moves it on by one picture."""
    if title is None:
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("mean IoU {task.fields[iou]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    # Of the bar a log gets the last state alone.
    line = (lambda: None) if console.is_interactive else line_of_progress(title, total)

    def advance(matrix: ConfusionMatrix) -> None:
        line()
        bar.update(task, advance=1, iou=FIGURES["mean_iou"].text(picture_score(matrix.counts)[0]))

    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=total, iou="–")
        yield advance
