"""Print runs side by side, in a table that is readable at 80 columns."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sceneparse.comparing.comparison import RunComparison, by_value, minutes, percent, progress


def print_comparison(comparison: RunComparison, console: Console) -> None:
    """Print a row for each run, the settings in which they differ, and what does not compare.

    Args:
        comparison: The runs.
        console: Where it goes.
    """
    table = Table("run", "training, iterations")
    for column in ("best val\nmean\nIoU %", "at", "test\nmean\nIoU %", "test\npixel\nacc. %", "min"):
        table.add_column(column, justify="right")
    scores = [run.best.figures.get("mean_iou") if run.best else None for run in comparison.runs]
    tests = [run.evaluated.figures.get("mean_iou") if run.evaluated else None for run in comparison.runs]
    for run, score, test in zip(comparison.runs, scores, tests, strict=True):
        at = "–" if run.best is None else f"{run.best.iteration}{' avg' if run.best.averaged else ''}"
        table.add_row(
            Text(run.name),
            progress(run),
            _best(score, scores),
            at,
            _best(test, tests),
            percent(run.evaluated.figures.get("pixel_accuracy") if run.evaluated else None),
            minutes(run.seconds),
        )
    console.print(table)
    names = [run.name for run in comparison.runs]
    if differing := comparison.differing():
        settings = Table("differing setting", "value", "runs")
        for name, values in differing.items():
            for number, (value, which) in enumerate(by_value(values, names)):
                settings.add_row("" if number else name, Text(value), Text(", ".join(which)))
        console.print(settings)
    elif len(names) > 1:
        console.print("the runs do not differ in any setting", highlight=False)
    for note in comparison.notes():
        console.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)


def _best(value: float | None, values: list[float | None]) -> Text:
    """A figure, bold if it is the best of several."""
    known = [one for one in values if one is not None]
    return Text(percent(value), style="bold" if value is not None and len(known) > 1 and value == max(known) else "")
