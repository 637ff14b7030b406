"""Draw the training curves of a run from its metrics.jsonl."""

import json
import math
from collections.abc import Mapping, Sequence
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

from sceneparse.drawing import charts

MOST_POINTS = 300
"""Points of a curve; longer ones are averaged down, since a screen shows no more and the page stays small."""
SMOOTHED_FROM = 40
"""The loss of a few pictures is noise; from so many points on a moving average is drawn over it."""

COLORS = ("var(--ours)", "var(--second)", "var(--third)", "var(--fourth)")
"""Colours of the validation scores, in their order."""

VALIDATIONS = {"validation": "", "validation_average": ", averaged weights"}
"""The kinds of lines with validation scores, and what distinguishes their names."""

Points = list[tuple[float, float]]


def read(path: Path) -> list[dict[str, Any]]:
    """Read the lines of a metrics.jsonl; an absent file has none.

    A line that was cut off when its writer was killed is left out. A run that went on from a checkpoint may have
    written an iteration twice: the later line counts.
    """
    if not path.is_file():
        return []
    lines: dict[tuple[str, float], dict[str, Any]] = {}
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue
        if isinstance(line, dict) and _number(line.get("iteration")):
            lines[str(line.get("kind")), line["iteration"]] = line
    return sorted(lines.values(), key=lambda line: line["iteration"])


def training_charts(lines: Sequence[dict[str, Any]], figures: Mapping[str, str]) -> str:
    """Return the charts of loss, validation scores and learning rate, as far as the lines hold them, as HTML.

    Args:
        lines: As `read` gives them.
        figures: The titles of the validation scores, fractions 0..1, by their keys.
    """
    found = []
    if losses := _points(lines, "train", "loss"):
        found.append(_loss_chart(losses))
    colors = dict(zip(figures, cycle(COLORS), strict=False))
    scores = [
        charts.Series(name + of, points, colors[key], dots=True, faint=bool(of))
        for kind, of in VALIDATIONS.items()
        for key, name in figures.items()
        if (points := _points(lines, kind, key))
    ]
    if scores:
        found.append(charts.curves(scores, label="Validation", x_name="iteration", percent=True))
    rates = _points(lines, "train", "lr")
    if len(rates) > 1:
        found.append(charts.curves([charts.Series("", _averaged(rates))], label="Learning rate", x_name="iteration"))
    return f'<div class="charts">{"".join(found)}</div>' if found else ""


def compared_charts(runs: Sequence[tuple[str, str, Sequence[dict[str, Any]]]], figures: Mapping[str, str]) -> str:
    """Return the charts of several runs together, as far as their lines hold them, as HTML: a curve for each run.

    Args:
        runs: The name of each, its colour (CSS) and its lines, as `read` gives them.
        figures: The titles of the validation scores, fractions 0..1, by their keys.
    """
    found = []
    losses = [(name, color, _points(lines, "train", "loss")) for name, color, lines in runs]
    if series := [charts.Series(name, _calm(points), color) for name, color, points in losses if points]:
        found.append(charts.curves(series, label="Training loss", x_name="iteration"))
    for key, title in figures.items():
        series = [
            charts.Series(name + of, points, color, dots=True, faint=bool(of))
            for name, color, lines in runs
            for kind, of in VALIDATIONS.items()
            if (points := _points(lines, kind, key))
        ]
        if series:
            label = f"Validation: {title}"
            found.append(charts.curves(series, label=label, x_name="iteration", percent=True))
    rates = [(name, color, _points(lines, "train", "lr")) for name, color, lines in runs]
    if series := [charts.Series(name, _averaged(points), color) for name, color, points in rates if len(points) > 1]:
        found.append(charts.curves(series, label="Learning rate", x_name="iteration"))
    return f'<div class="charts">{"".join(found)}</div>' if found else ""


def _calm(losses: Points) -> Points:
    """Losses as one curve: smoothed where there are many."""
    return losses if len(losses) < SMOOTHED_FROM else _averaged(_smoothed(losses, max(5, len(losses) // 25)))


def _loss_chart(losses: Points) -> str:
    if len(losses) < SMOOTHED_FROM:
        series = [charts.Series("", losses, dots=len(losses) == 1)]
    else:
        series = [
            charts.Series("each", _averaged(losses), faint=True),
            charts.Series("moving average", _averaged(_smoothed(losses, max(5, len(losses) // 25)))),
        ]
    return charts.curves(series, label="Training loss", x_name="iteration")


def _points(lines: Sequence[dict[str, Any]], kind: str, key: str) -> Points:
    """Return (iteration, value) of all lines of a kind that hold a finite value."""
    return [
        (float(line["iteration"]), float(line[key]))
        for line in lines
        if line.get("kind") == kind and _number(line.get(key))
    ]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _averaged(points: Points) -> Points:
    """Thin the points out to at most `MOST_POINTS`, each the mean of a stretch."""
    count = min(len(points), MOST_POINTS)
    cuts = [index * len(points) // count for index in range(count + 1)]
    return [_mean(points[start:stop]) for start, stop in pairwise(cuts)]


def _smoothed(points: Points, width: int) -> Points:
    """Smooth y by a centred moving average, over fewer points towards the ends."""
    smooth = []
    for index, (x, _) in enumerate(points):
        reach = min(width // 2, index, len(points) - 1 - index)
        smooth.append((x, _mean(points[index - reach : index + reach + 1])[1]))
    return smooth


def _mean(points: Points) -> tuple[float, float]:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
