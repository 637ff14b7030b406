"""The page of a comparison: one HTML file with the curves of all runs, their settings and their classes."""

from collections.abc import Sequence
from html import escape

from sceneparse.comparing.comparison import RunComparison, is_best, minutes, percent, progress, shown
from sceneparse.comparing.run import ComparedRun
from sceneparse.drawing import curves
from sceneparse.evaluation.figures import FIGURES
from sceneparse.evaluation.page import Section, named, page, table
from sceneparse.version import __version__

TALL = 40
"""Rows from which on a table scrolls in a box of its own."""


def comparison_page(comparison: RunComparison) -> str:
    """Return the page as HTML; nothing has to be fetched for it.

    Args:
        comparison: The runs.
    """
    names = [run.name for run in comparison.runs]
    title = f"{len(names)} runs side by side" if len(names) > 1 else names[0]
    logged = {key: one.title for key, one in FIGURES.usable() if one.unit == "%"}
    runs = [(run.name, _color(number), run.lines) for number, run in enumerate(comparison.runs)]
    sections = [Section("runs", "Runs", _runs(comparison))]
    if drawn := curves.compared_charts(runs, logged):
        sections.append(Section("curves", "Curves", drawn))
    sections.append(_settings(comparison))
    sections += _classes(comparison)
    foot = (
        "<p>Figures compare only under one protocol and on one split. The best validation is the one that the training "
        "chose its model by; the evaluations are those of <code>sceneparse evaluate</code>.</p>\n"
        f"<p>Written by sceneparse {__version__}.</p>"
    )
    said = {"recipe": comparison.recipes(), "folders": ", ".join(str(run.folder) for run in comparison.runs)}
    facts = "".join(f"<dt>{key}</dt><dd>{escape(value)}</dd>" for key, value in said.items() if value)
    head = f'<dl class="facts">{facts}</dl>'
    return page(title, head, sections, foot)


def _color(number: int) -> str:
    """A colour of its own for each run, readable on light and dark: hues at the golden angle."""
    return f"hsl({(215 + 137.508 * number) % 360:.0f} 62% 50%)"


def _runs(comparison: RunComparison) -> str:
    """A row for each run, and below them what has to be known before figures are compared."""
    columns = ("best validation, mean IoU %", "at iteration", "evaluation, mean IoU %", "evaluation, pixel accuracy %")
    head = '<th scope="col">Run</th><th scope="col">training, iterations</th>'
    head += "".join(f'<th scope="col" class="number">{name}</th>' for name in columns)
    head += '<th scope="col">evaluated on</th><th scope="col" class="number">minutes</th>'
    bests = [run.best.figures.get("mean_iou") if run.best else None for run in comparison.runs]
    tests = [run.evaluated.figures.get("mean_iou") if run.evaluated else None for run in comparison.runs]
    rows = []
    for number, run in enumerate(comparison.runs):
        at = "–" if run.best is None else f"{run.best.iteration}{' (average)' if run.best.averaged else ''}"
        accuracy = run.evaluated.figures.get("pixel_accuracy") if run.evaluated else None
        best = _figure(bests, number, comparison.validations_compare)
        cells = [best, at, _figure(tests, number, comparison.evaluations_compare), percent(accuracy)]
        rows.append(
            f'<th scope="row">{named(run.name, _color(number))}</th><td>{escape(progress(run))}</td>'
            + "".join(f'<td class="number">{cell}</td>' for cell in cells)
            + f'<td>{escape(run.tested_on)}</td><td class="number">{minutes(run.seconds)}</td>'
        )
    notes = "".join(f"<li>{escape(note)}</li>" for note in comparison.notes())
    return table(head, rows, caption="The runs") + (f'<ul class="muted">{notes}</ul>' if notes else "")


def _figure(values: list[float | None], number: int, compare: bool) -> str:
    """A figure, bold if it is the best of several that compare."""
    text = percent(values[number])
    return f"<b>{text}</b>" if is_best(values[number], values, compare) else text


def _head(comparison: RunComparison, runs: Sequence[ComparedRun], first: str, kind: str = "") -> str:
    """The heads of a table's columns: each run in its colour."""
    cells = [
        f'<th scope="col"{kind}>{named(run.name, _color(number))}</th>'
        for number, run in enumerate(comparison.runs)
        if run in runs
    ]
    return f'<th scope="col">{first}</th>' + "".join(cells)


def _settings(comparison: RunComparison) -> Section:
    differing = comparison.differing()
    if not differing:
        return Section("settings", "Settings", "<p>The runs do not differ in any setting.</p>")
    rows = [
        f'<th scope="row"><code>{escape(name)}</code></th>'
        + "".join(f"<td>{escape(shown(value))}</td>" for value in values)
        for name, values in differing.items()
    ]
    head = _head(comparison, comparison.with_settings, "Setting")
    shown_table = table(head, rows, caption="Settings in which the runs differ", tall=len(rows) > TALL)
    return Section("settings", "Differing settings", shown_table)


def _classes(comparison: RunComparison) -> list[Section]:
    """The IoU of every class in every run; no section where no run was evaluated."""
    classes = comparison.classes()
    if not classes:
        return []
    rows = []
    for name, values in classes.items():
        shown_values = [_figure(values, number, comparison.evaluations_compare) for number in range(len(values))]
        cells = "".join(f'<td class="number">{one}</td>' for one in shown_values)
        rows.append(f'<th scope="row">{escape(name)}</th>{cells}')
    explanation = "IoU of each class in percent where the runs' models were evaluated" + (
        "; the best is bold." if comparison.evaluations_compare else ", which do not compare here: see above."
    )
    head = _head(comparison, comparison.runs, "Class", ' class="number"')
    shown_table = table(head, rows, caption="IoU of each class", tall=len(rows) > TALL)
    return [Section("classes", "Classes", f'<p class="muted">{explanation}</p>{shown_table}')]
