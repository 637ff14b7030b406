"""Print runs side by side, in a table that is readable at 80 columns."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sceneparse.comparing.comparison import RunComparison, by_value, is_best, minutes, percent, progress


def print_comparison(comparison: RunComparison, console: Console) -> None:
    """Print a row for each run, the settings in which they differ, and what does not compare.

    Args:
        comparison: The runs.
        console: Where it goes.
    """
    table = Table("run", "training, iterations")
    for column in ("best\nval.\nmean\nIoU %", "at", "eval.\nmean\nIoU %", "eval.\npixel\nacc. %"):
        table.add_column(column, justify="right")
    table.add_column("eval.\non")
    table.add_column("min", justify="right")
    scores = [run.best.figures.get("mean_iou") if run.best else None for run in comparison.runs]
    tests = [run.evaluated.figures.get("mean_iou") if run.evaluated else None for run in comparison.runs]
    for run, score, test in zip(comparison.runs, scores, tests, strict=True):
        at = "–" if run.best is None else f"{run.best.iteration}{' avg' if run.best.averaged else ''}"
        table.add_row(
            Text(run.name),
            progress(run),
            _figure(score, scores, comparison.validations_compare),
            at,
            _figure(test, tests, comparison.evaluations_compare),
            percent(run.evaluated.figures.get("pixel_accuracy") if run.evaluated else None),
            Text(run.tested_on),
            minutes(run.seconds),
        )
    console.print(table)
    if recipes := comparison.recipes():
        console.print(f"recipe: {recipes}", highlight=False, markup=False)
    names = [run.name for run in comparison.with_settings]
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


def _figure(value: float | None, values: list[float | None], compare: bool) -> Text:
    """A figure, bold if it is the best of several that compare."""
    return Text(percent(value), style="bold" if is_best(value, values, compare) else "")
