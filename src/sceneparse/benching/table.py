"""Print the tables of `sceneparse bench`."""

from typing import Any

from rich.console import Console
from rich.table import Table

from sceneparse.benching.record import Bench, Row
from sceneparse.benching.summing_up import three_digits
from sceneparse.errors import counted
from sceneparse.weights.architectures import ARCHITECTURES

NARROW: dict[str, Any] = {"box": None, "padding": (0, 1, 0, 0), "pad_edge": False}
"""How tables are laid out: a terminal may have 80 columns."""

WEIGHTS = {"model": "", "file": "", "recipe": ", random weights"}


def heading(result: Bench) -> str:
    """Return what is measured, on what."""
    height, width = result.size
    labels = "the labels of its objects" if ARCHITECTURES[result.architecture].learns_tasks else "its labels"
    return (
        f"{result.source}: {result.architecture} with {result.backbone}, {counted(result.classes, 'class', 'classes')}"
        f"{WEIGHTS[result.kind]}; a {height}×{width} picture to {labels} on {result.device}"
    )


def print_bench(result: Bench, console: Console) -> None:
    """Print all measurements but the heading; of a first look what it means alone, since its rows stand there."""
    if not result.quick:
        _engines(result, console)
        if result.components:
            _components(result, console)
        exact, plain = result.multiply_adds["exact"], result.multiply_adds["plain"]
        console.print(f"multiply-adds: {exact:.1f}·10⁹ with exact heads, {plain:.1f}·10⁹ as the papers write them")
        peaks = ", ".join(f"{value:.0f}·10⁹ a second in {name}" for name, value in result.matrix_peak.items())
        console.print(f"matrix peak, multiply-adds: {peaks}")
        if result.boundary_cells is not None:
            console.print(f"labels: {result.boundary_cells:.0%} of the logits' cells lie on a boundary and need work")
    console.print(f"auto takes {result.auto_engine}: {result.auto_why}", markup=False)
    console.print(result.conclusion, markup=False)


def _engines(result: Bench, console: Console) -> None:
    table = Table(title=f"medians (quartiles) of {result.repeats} rounds in turns", **NARROW)
    for name in ("engine", "precision"):
        table.add_column(name, no_wrap=True)
    for name in ("ms a picture", "pictures/s", "ready s", "MiB", "of peak"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in result.rows:
        table.add_row(
            row.engine,
            row.precision,
            "" if row.ms is None else f"{three_digits(row.ms)} ({_range(row)})",
            "" if row.pictures_per_second is None else f"{three_digits(row.pictures_per_second)} ({row.best_batch})",
            _text(row.ready_s, ".1f"),
            _text(row.peak_mib, ".0f"),
            _text(row.share_of_peak, ".0%"),
        )
    console.print(table)
    console.print("pictures/s: the most, in brackets at how many pictures at a time", markup=False)
    for row in result.rows:
        if row.note:
            console.print(f"{row.engine}, {row.precision}: {row.note}", markup=False)


def _range(row: Row) -> str:
    assert row.ms_low is not None and row.ms_high is not None
    return f"{three_digits(row.ms_low)}–{three_digits(row.ms_high)}"


def _components(result: Bench, console: Console) -> None:
    table = Table("heads", "precision", title="where the time goes, engine torch, ms", **NARROW)
    names = list(result.components[0].ms)
    for name in names:
        table.add_column(name, justify="right")
    for row in result.components:
        table.add_row(row.heads, row.precision, *(f"{row.ms[name]:.1f} ({row.share[name]:.0%})" for name in names))
    console.print(table)


def _text(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"
