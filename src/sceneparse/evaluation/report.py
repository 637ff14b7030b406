"""The report of an evaluation: metrics.json and one HTML file that holds everything it shows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.data.sample import DataSet
from sceneparse.drawing import charts, curves
from sceneparse.evaluation import gallery
from sceneparse.evaluation.class_section import class_section
from sceneparse.evaluation.comparison import Comparison, check, differences
from sceneparse.evaluation.evaluate import Evaluation
from sceneparse.evaluation.figures import figures_of
from sceneparse.evaluation.page import Section, page, percent, scrolling, table
from sceneparse.evaluation.terminal import task_rows
from sceneparse.files import write_json, write_text
from sceneparse.inference import Engine
from sceneparse.tasks import Task
from sceneparse.version import __version__

METRICS_FILE = "metrics.json"
"""The file of the figures."""

MATRIX_CLASSES = 40
"""Largest confusion matrix that is drawn whole; of a larger label space the most confused classes are shown."""
CONFUSIONS = 12
"""Confusions that are listed as sentences."""


@dataclass(frozen=True)
class Confusion:
    """One class read as another.

    Args:
        truth: Index of the true class.
        read: Index of the class that it is read as.
        rate: The fraction of the true class's pixels to which that happens.
        cost: What it takes from the mean IoU: its share of the unions of both classes, over the number of classes.
    """

    truth: int
    read: int
    rate: float
    cost: float


def write_report(
    folder: Path,
    evaluation: Evaluation,
    engine: Engine,
    dataset: DataSet,
    *,
    title: str,
    name: str = "this model",
    run: Path | None = None,
    comparison: Comparison | None = None,
    facts: Mapping[str, str] = {},
) -> Path:
    """Write `metrics.json` and `report.html`, and `metrics-NAME.json` for a second model.

    Args:
        folder: Where they go; made if it isn't there.
        evaluation: The scores.
        engine: The model that was scored, to show its labels on the best, the worst and some other pictures.
        dataset: The pictures it was scored on.
        title: The report's heading.
        name: What to call the model beside a second one.
        run: The run folder, for the training curves; they are left out where it has no metrics.jsonl.
        comparison: A second model, scored on the same pictures.
        facts: More to know, by name: data, machine, time.

    Returns:
        The path of `report.html`.

    Raises:
        UserError: The second model can't be compared, or a picture has no truth.
    """
    if comparison is not None:
        check(evaluation, comparison)
    # The figures first: they took long, and whatever may fail below, they stay.
    write_json(folder / METRICS_FILE, evaluation.to_json())
    if comparison is not None:
        write_json(folder / f"metrics-{_slug(comparison.name)}.json", comparison.evaluation.to_json())
    sections = [class_section(name, evaluation, comparison)]
    if evaluation.tasks is not None:
        sections.insert(0, _tasks(evaluation))
    if comparison is not None and comparison.lookalikes:
        sections.append(differences(name, evaluation, engine, comparison, dataset))
    logged = {key: one.short for key, one in figures_of(Task.OBJECT).items() if one.log and one.unit == "%"}
    if run is not None and (drawn := curves.training_charts(curves.read(run / "metrics.jsonl"), logged)):
        sections.append(Section("training", "Training", drawn))
    sections.append(_confusions(evaluation))
    sections += _pictures(evaluation, engine, dataset)
    path = folder / "report.html"
    write_text(path, page(title, head(name, evaluation, comparison, facts), sections, _foot(evaluation)))
    return path


def confusions(counts: NDArray[Any], classes: int) -> list[Confusion]:
    """All confusions of a (C, C) matrix of pixels (rows truth), those that cost the mean IoU most first.

    `classes` is the number of classes that the mean IoU is over.

    A pixel of class i read as j stands in the unions of i and of j without being in their intersections. So the
    confusion costs n_ij / union_i + n_ij / union_j, which weighs rare classes as the mean IoU does.
    """
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    unions = np.maximum(rows + columns - counts.diagonal(), 1)
    costs = counts * (1 / unions[:, None] + 1 / unions[None, :]) / classes
    np.fill_diagonal(costs, 0)
    order = np.argsort(-costs, axis=None, kind="stable")[: np.count_nonzero(costs)]
    return [
        Confusion(int(truth), int(read), float(counts[truth, read] / rows[truth]), float(costs[truth, read]))
        for truth, read in zip(*np.unravel_index(order, costs.shape), strict=True)
    ]


def head(name: str, evaluation: Evaluation, comparison: Comparison | None, facts: Mapping[str, str]) -> str:
    """Return the top of the page: the main figures, what they were measured with and on, and what to know of that."""
    tiles = []
    for key, figure in figures_of(Task.OBJECT).items():
        label, other = figure.short, ""
        if comparison is not None:
            theirs = figure.with_unit(comparison.evaluation.figures[key])
            other = f'<span class="other">{escape(comparison.name)} {escape(theirs)}</span>'
            if figure.headline:
                label = f"{label} of {name}"
        kind, value = " main" if figure.headline else "", figure.with_unit(evaluation.figures[key])
        tiles.append(f'<div class="tile{kind}"><span>{escape(label)}</span><b>{escape(value)}</b>{other}</div>')
    lines = {"protocol": evaluation.protocol.describe(), "pictures": f"{len(evaluation.pictures):,}", **facts}
    said = [*lines.items(), *(("note", note) for note in evaluation.notes)]
    entries = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in said)
    return f'<div class="tiles">{"".join(tiles)}</div>\n<dl class="facts">{entries}</dl>'


def _tasks(evaluation: Evaluation) -> Section:
    """A line for each task of a unified model."""
    columns, cells_of = task_rows(evaluation)
    head = '<th scope="col">Task</th>' + "".join(f'<th scope="col" class=number>{name}</th>' for name in columns)
    rows = [
        f'<th scope="row">{escape(name)}</th>'
        + "".join(
            f'<td class="number">{"–" if one is None else escape(one[0].with_unit(one[1]))}</td>' for one in cells
        )
        for name, cells in cells_of.items()
    ]
    explanation = "Each task over what is labelled for it. The other sections are about the objects."
    return Section(
        "tasks", "Tasks", f'<p class="muted">{explanation}</p>{table(head, rows, caption="Scores of each task")}'
    )


def _confusions(evaluation: Evaluation) -> Section:
    space = evaluation.labels
    counts = evaluation.counts.numpy()
    absent = sum(one.iou is None for one in evaluation.scores.classes) if evaluation.protocol.absent == "skip" else 0
    found = confusions(counts, len(space) - absent)
    if not found:
        return Section("confusions", "Confusions", "<p>No pixel was read as another class.</p>")
    listed = "".join(
        f"<li>{percent(one.rate, 0 if one.rate >= 0.01 else 1)} of <code>{escape(space.names[one.truth])}</code> is "
        f"read as <code>{escape(space.names[one.read])}</code> "
        f'<span class="muted">(costs {100 * one.cost:.2f})</span></li>'
        for one in found[:CONFUSIONS]
    )
    shown = [index for index in range(len(space)) if counts[index].any() or counts[:, index].any()]
    which = "Each row is scaled to the pixels of its true class"
    if len(shown) > MATRIX_CLASSES:
        shown = _most_confused(found, MATRIX_CLASSES)
        which = (
            f"The {MATRIX_CLASSES} classes with the costliest confusions, each row scaled to all pixels of its class"
        )
    drawn = charts.confusion_matrix(counts, space.names, shown)
    return Section(
        "confusions",
        "Confusions",
        '<p class="muted">The confusions that cost most, in points of the mean IoU.</p>'
        f'<ol class="words">{listed}</ol><h3>Confusion matrix</h3>'
        f'<p class="muted">Rows are the truth, columns what it is read as. {which}, in percent; '
        "point at a square for its figures, tap it, or go from one to the next by the arrow keys.</p>"
        f"{scrolling(drawn, 'Confusion matrix')}",
    )


def _most_confused(found: list[Confusion], count: int) -> list[int]:
    """The classes of the costliest confusions, in the order of the label space."""
    chosen: dict[int, None] = {}
    for one in found:
        for index in (one.truth, one.read):
            if len(chosen) < count:
                chosen[index] = None
    return sorted(chosen)


def _pictures(evaluation: Evaluation, engine: Engine, dataset: DataSet) -> list[Section]:
    choice = gallery.choose(evaluation.pictures)
    key = (
        f'In the errors, <i class="swatch" style="background:{gallery.WRONG_COLOR}"></i>is wrong, '
        '<i class="swatch" style="background:#808080"></i>has no truth, and what is right is pale.'
    )
    kinds = (
        ("best", "Best pictures", "Highest mean IoU of a single picture.", choice.best),
        ("worst", "Worst pictures", "Lowest mean IoU of a single picture, the worst first.", choice.worst),
        ("random", "Random pictures", "Drawn by chance from the others.", choice.random),
    )
    return [
        Section(
            anchor, title, f'<p class="muted">{which} {key}</p>{gallery.cards(chosen, evaluation, engine, dataset)}'
        )
        for anchor, title, which, chosen in kinds
        if chosen
    ]


def _foot(evaluation: Evaluation) -> str:
    absent = (
        "Classes that occur neither in truth nor in prediction are left out of the means."
        if evaluation.protocol.absent == "skip"
        else "Classes that occur neither in truth nor in prediction count as 0 in the means."
    )
    return (
        f"<p>All figures hold for the protocol “{escape(evaluation.protocol.describe())}” and compare only with "
        f"those of the same one. {absent} Pixels without truth are not counted. The figures stand in "
        f"<code>metrics.json</code> beside this file.</p>\n<p>Written by sceneparse {__version__}.</p>"
    )


def _slug(name: str) -> str:
    """A name as it can stand in a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "second"
