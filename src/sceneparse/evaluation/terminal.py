"""Print an evaluation on the terminal, and make the table of tasks that the report shows too."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sceneparse.errors import counted
from sceneparse.evaluation.evaluate import Evaluation
from sceneparse.evaluation.figures import FIGURES, Figure, figures_of
from sceneparse.tasks import Task

IN_CLASS_TABLE = ("mean_iou", "mean_accuracy")
"""The figures of the objects that stand under the classes, in the last row; the others stand in a line below."""

Cell = tuple[Figure, float | None] | None


def print_scores(evaluation: Evaluation, console: Console) -> None:
    """Print a table: every class with its scores, the means, and the protocol that they hold for."""
    figures = evaluation.figures
    console.print(f"protocol {evaluation.protocol.describe()}", highlight=False)
    console.print(_class_table(evaluation))
    if evaluation.tasks is not None:
        console.print(_task_table(evaluation))
    others = {key: one for key, one in figures_of(Task.OBJECT).items() if key not in IN_CLASS_TABLE}
    line = [f"{one.short} {one.text(figures[key])}{_unit(one)}" for key, one in others.items()]
    console.print(
        f"{', '.join(line)}, {counted(len(evaluation.pictures), 'picture')} in {evaluation.seconds:.1f} s "
        f"({evaluation.pictures_per_second:.2f} a second)",
        highlight=False,
    )


def task_rows(evaluation: Evaluation) -> tuple[list[str], dict[str, list[Cell]]]:
    """Return the table of all tasks' figures, laid out as in the UPerNet paper.

    Returns:
        The columns' titles, and for each task a cell a column; None where the task has no such figure.
    """
    others = [one for _, one in FIGURES.usable() if one.task is not Task.OBJECT]
    columns = list(dict.fromkeys(one.short for one in others))
    rows: dict[str, list[Cell]] = {}
    for task in Task:
        own = {one.short: (one, evaluation.figures[key]) for key, one in figures_of(task).items()}
        notes = ", ".join(dict.fromkeys(one.note for one, _ in own.values() if one.note))
        rows[f"{task} ({notes})" if notes else task] = [own.get(column) for column in columns]
    return columns, rows


def _class_table(evaluation: Evaluation) -> Table:
    scores, mean_iou, mean_accuracy = evaluation.scores, *(FIGURES[key] for key in IN_CLASS_TABLE)
    total = sum(one.pixels for one in scores.classes)
    table = Table()
    table.add_column("class")
    table.add_column("", no_wrap=True, min_width=20)
    for column in ("IoU", "accuracy", "pixels"):
        table.add_column(column, justify="right")
    for one in scores.classes:
        # As text: a name's square brackets are no markup.
        name, share = Text(one.name), f"{one.pixels / total:.2%}"
        table.add_row(name, _bar(one.iou), mean_iou.text(one.iou), mean_accuracy.text(one.accuracy), share)
    table.add_section()
    means = (mean_iou.text(scores.mean_iou), mean_accuracy.text(scores.mean_accuracy))
    table.add_row("mean", _bar(scores.mean_iou), *means, "", style="bold")
    return table


def _task_table(evaluation: Evaluation) -> Table:
    columns, rows = task_rows(evaluation)
    table = Table("task", title="all tasks")
    for column in columns:
        table.add_column(column, justify="right")
    for name, cells in rows.items():
        table.add_row(name, *("–" if cell is None else cell[0].text(cell[1]) + _unit(cell[0]) for cell in cells))
    return table


def _unit(figure: Figure) -> str:
    """Nothing for percent, which all others here are."""
    return "" if figure.unit == "%" else f" {figure.unit}"


def _bar(value: float | None, width: int = 20) -> str:
    """A bar of eighths of a character."""
    eighths = round((value or 0.0) * width * 8)
    return "█" * (eighths // 8) + ("", *"▏▎▍▌▋▊▉")[eighths % 8]
