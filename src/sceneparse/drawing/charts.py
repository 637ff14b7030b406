"""Charts as inline SVG: training curves, bars and the confusion matrix.

Colours are the CSS variables of `page.STYLE`, so charts follow the reader's light or dark mode. Curves and bars are
laid out in percentages and pixels rather than in a view box: on a phone they get narrower, but their text does not
get smaller.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

MATRIX_TEXT = 30
"""Up to this many classes the cells of a confusion matrix hold figures; beyond, only the hover titles do."""


@dataclass(frozen=True)
class Series:
    """One curve of a chart.

    Args:
        name: What the legend calls it; empty leaves it out of the legend.
        points: (x, y) in order of x.
        color: A CSS colour.
        faint: Drawn thin and pale, as the background of a smoother curve.
        dots: Each point marked, with its value as hover title.
    """

    name: str
    points: Sequence[tuple[float, float]]
    color: str = "var(--ours)"
    faint: bool = False
    dots: bool = False


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return at most `most` + 1 round numbers (1, 2 or 5 times a power of ten apart) within `low`..`high`."""
    if high <= low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def curves(series: Sequence[Series], *, label: str, x_name: str, percent: bool = False) -> str:
    """Draw lines over a common x axis, with grid, ticks and a legend; both axes start at 0.

    So charts of the same run, whose first figures come at other iterations, stand above each other.

    Args:
        series: At least one, with at least one point in all.
        label: What the chart shows, for those who can't see it.
        x_name: Name of the x axis.
        percent: Whether y is a fraction, to be shown as a percentage.
    """
    points = [point for one in series for point in one.points]
    right = max(x for x, _ in points) or 1.0
    top = max(max(y for _, y in points) * 1.04, 1e-9)

    def at(x: float, y: float) -> tuple[float, float]:
        return 100 * x / right, 100 * (1 - y / top)

    def number(value: float) -> str:
        return f"{100 * value:g}%" if percent else f"{value:,g}"

    elements = []
    for y in ticks(0, top):
        _, height = at(0, y)
        elements.append(f'<line class="grid" x1="0" x2="100%" y1="{height:.2f}%" y2="{height:.2f}%"/>')
        elements.append(f'<text class="tick end" x="-8" y="{height:.2f}%" dy=".35em">{number(y)}</text>')
    for x in ticks(0, right, 4):
        side, _ = at(x, 0)
        elements.append(f'<text class="tick middle" x="{side:.2f}%" y="100%" dy="1.6em">{_thousands(x, right)}</text>')
    for one in series:
        path = " ".join(f"{x:.2f},{y:.2f}" for x, y in (at(*point) for point in one.points))
        elements.append(
            '<svg width="100%" height="100%" viewBox="0 0 100 100" preserveAspectRatio="none">'
            f'<polyline class="curve{" faint" if one.faint else ""}" style="stroke:{one.color}" points="{path}"/></svg>'
        )
        if one.dots:
            for point in one.points:
                x, y = at(*point)
                title = (
                    f"{x_name} {point[0]:,g}: {100 * point[1]:.2f}%"
                    if percent
                    else f"{x_name} {point[0]:,g}: {point[1]:.4g}"
                )
                elements.append(
                    f'<circle cx="{x:.2f}%" cy="{y:.2f}%" r="3.5" style="fill:{one.color}">'
                    f"<title>{escape(title)}</title></circle>"
                )
    keys = "".join(
        f'<li><i style="background:{one.color}"{" class=faint" if one.faint else ""}></i>{escape(one.name)}</li>'
        for one in series
        if one.name
    )
    return (
        f'<figure class="chart"><figcaption>{escape(label)}</figcaption>'
        f'<svg class="plot" role="img" aria-label="{escape(label)}">{"".join(elements)}</svg>'
        f'<p class="axis">{escape(x_name)}</p><ul class="keys">{keys}</ul></figure>'
    )


def bar(values: Sequence[tuple[float | None, str]]) -> str:
    """Draw horizontal bars from 0 to 1 on a common track, one above the other.

    Args:
        values: Length (0..1; None draws the empty track) and CSS colour of each. The figures themselves must stand
            beside it as text: the bars are hidden from screen readers.
    """
    thick, gap = (12, 0) if len(values) == 1 else (8, 2)
    height = len(values) * thick + (len(values) - 1) * gap
    elements = []
    for number, (value, color) in enumerate(values):
        y = number * (thick + gap)
        elements.append(f'<rect class="track" width="100%" height="{thick}" y="{y}" rx="2"/>')
        if value is not None and value > 0:
            length = 100 * min(value, 1.0)
            elements.append(f'<rect width="{length:.1f}%" height="{thick}" y="{y}" rx="2" style="fill:{color}"/>')
    return f'<svg class="bar" height="{height}" aria-hidden="true">{"".join(elements)}</svg>'


def confusion_matrix(counts: NDArray[Any], names: Sequence[str], shown: Sequence[int]) -> str:
    """Draw a confusion matrix as a heat map, each row scaled to its sum over all classes.

    Args:
        counts: (C, C) pixels, rows truth, columns prediction.
        names: The C class names.
        shown: Indices of the classes to draw, in this order.
    """
    rates = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cell = min(46, max(18, 800 // len(shown)))
    labels = [_shorten(names[index], 20) for index in shown]
    # Text can't be measured here; 6.8 px a character holds for the usual sans-serif faces at 12 px.
    margin = 14 + math.ceil(6.8 * max(len(label) for label in labels))
    slant = math.ceil(0.72 * margin) + 8
    side = cell * len(shown)
    width, height = margin + side + slant, slant + side + 4
    elements = []
    for number, label in enumerate(labels):
        middle = (number + 0.5) * cell
        elements.append(
            f'<text class="name end" x="{margin - 8}" y="{slant + middle:g}" dy=".35em">{escape(label)}</text>'
            f'<text class="name" transform="translate({margin + middle:g} {slant - 6}) rotate(-45)">'
            f"{escape(label)}</text>"
        )
    elements.append(f'<rect class="track" x="{margin}" y="{slant}" width="{side}" height="{side}"/>')
    for row, truth in enumerate(shown):
        for column, read in enumerate(shown):
            rate = float(rates[truth, read])
            # Empty cells are most of a large matrix and say nothing.
            if rate >= 0.0005:
                elements.append(
                    _cell(
                        rate,
                        int(counts[truth, read]),
                        names[truth],
                        names[read],
                        margin + column * cell,
                        slant + row * cell,
                        cell,
                        figures=len(shown) <= MATRIX_TEXT,
                    )
                )
    return (
        f'<svg class="matrix" role="img" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'aria-label="Confusion matrix: truth in rows, prediction in columns">{"".join(elements)}</svg>'
    )


GROUNDS = {True: (0.7, 0.89), False: (0.7, 0.82)}
"""From which strengths on a cell of the matrix is dark enough for another colour of its figure on a dark page, and on a
light one; whether the label is right decides on the cell's colour. Every figure has a contrast of at least 4.5."""


def _cell(rate: float, pixels: int, truth: str, read: str, x: int, y: int, size: int, *, figures: bool) -> str:
    """Draw one square of the matrix; the square root makes rare confusions visible."""
    right = truth == read
    strength = rate**0.5
    color = "var(--good)" if right else "var(--bad)"
    verb = "is right" if right else f"is read as {read}"
    title = f"{100 * rate:.2f}% of {truth} {verb} ({pixels:,} pixels)"
    square = (
        f'<rect x="{x + 1}" y="{y + 1}" width="{size - 2}" height="{size - 2}" rx="2" '
        f'style="fill:{color};fill-opacity:{strength:.2f}"/>'
    )
    text = ""
    if figures and rate >= 0.005:
        weak, strong = GROUNDS[right]
        ground = " strong" if strength > strong else " middle" if strength > weak else ""
        text = (
            f'<text class="cell{ground}" x="{x + size / 2:g}" y="{y + size / 2:g}" dy=".35em">{100 * rate:.0f}</text>'
        )
    return f"<g><title>{escape(title)}</title>{square}{text}</g>"


def _thousands(value: float, largest: float) -> str:
    return f"{value / 1000:g}k" if value and largest >= 10000 else f"{value:,g}"


def _shorten(name: str, most: int) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
