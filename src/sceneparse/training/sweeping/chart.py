"""A sweep's picture: a bar for each row, its spread, and a dot for each seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from sceneparse.drawing.charts import ticks
from sceneparse.drawing.lettering import Lettering
from sceneparse.files import whole_file
from sceneparse.recipes.sweep import Sweep
from sceneparse.training.sweeping.figures import COMPARED, RowFigures, Spread

FINE = 2
"""The picture is drawn this much larger than its figures say, for sharp text on dense screens."""

WIDTH, BAR, GAP, TITLE, AXIS = 860, 20, 10, 40, 30
INK, QUIET, GRID, FIRST, OTHERS = "#1f2328", "#59636e", "#d8dee4", "#9aa4af", "#2f6fab"
PUBLISHED = "#c4432b"


@dataclass(frozen=True)
class _Bar:
    name: str
    spread: Spread
    published: float | None


def write_chart(path: Path, sweep: Sweep, rows: Sequence[RowFigures]) -> None:
    """Draw a panel of bars for each figure: groups of classes, mean IoU, pixel accuracy.

    Bars have a common scale in a panel, which starts at zero for IoU; the first row is grey. Published figures are
    drawn as an upright line.

    Args:
        path: The PNG file.
        sweep: The sweep.
        rows: Its figures in its first test.
    """
    test = sweep.tests[0]
    panels = [
        (f"{name}: mean IoU", [_Bar(one.row.name, one.figures[name], None) for one in rows]) for name in sweep.groups
    ]
    for name, key in ((one.title, key) for key, one in COMPARED.items()):
        published = [getattr(one.row.published_as(test), key, None) for one in rows]
        panels.append(
            (name, [_Bar(one.row.name, one.figures[name], known) for one, known in zip(rows, published, strict=True)])
        )
    height = sum(TITLE + len(bars) * (BAR + GAP) + AXIS for _, bars in panels) + 2 * GAP + TITLE
    image = Image.new("RGB", (WIDTH * FINE, height * FINE), "white")
    draw = ImageDraw.Draw(image)
    top = 0
    for title, bars in panels:
        top = _panel(draw, title, bars, top)
    known = "; red: published" if any(bar.published is not None for _, bars in panels for bar in bars) else ""
    note = f"bars: mean over the seeds; lines: one sample standard deviation to either side; dots: single seeds{known}"
    draw.text((12 * FINE, (top + GAP) * FINE), note, fill=QUIET, font=ImageFont.load_default(size=12 * FINE))
    with whole_file(path) as temporary:
        image.save(temporary)


def _panel(draw: ImageDraw.ImageDraw, title: str, bars: Sequence[_Bar], top: int) -> int:
    """Draw a panel, and return where the next one begins."""
    font, bold = (ImageFont.load_default(size=size * FINE) for size in (13, 15))
    letters = Lettering(13 * FINE)
    left = 24 + max(letters.length(bar.name) for bar in bars) / FINE
    right = WIDTH - 110
    low, high = _range(bars)

    def x(value: float) -> float:
        return FINE * (left + (right - left) * (value - low) / (high - low))

    draw.text((12 * FINE, (top + 10) * FINE), f"{title}, %", fill=INK, font=bold)
    top += TITLE
    bottom = top + len(bars) * (BAR + GAP)
    for tick in ticks(low, high):
        draw.line((x(tick), top * FINE, x(tick), bottom * FINE), fill=GRID, width=FINE)
        draw.text((x(tick), (bottom + 3) * FINE), f"{100 * tick:g}", fill=QUIET, font=font, anchor="ma")
    for index, bar in enumerate(bars):
        upper = top + index * (BAR + GAP) + GAP // 2
        middle = (upper + BAR / 2) * FINE
        letters.write(draw, ((left - 10) * FINE, middle), bar.name, INK, "rm")
        mean, deviation = bar.spread.mean, bar.spread.deviation
        if mean is not None:
            color = FIRST if index == 0 else OTHERS
            draw.rectangle((x(low), upper * FINE, x(mean), (upper + BAR) * FINE), fill=color)
            if deviation is not None:
                _whisker(draw, x(max(low, mean - deviation)), x(min(high, mean + deviation)), middle)
            for value in bar.spread.values.values():
                at, radius = x(value), 3 * FINE
                draw.ellipse((at - radius, middle - radius, at + radius, middle + radius), fill="white", outline=INK)
        if bar.published is not None:
            at = x(bar.published / 100)
            draw.line((at, (upper - 3) * FINE, at, (upper + BAR + 3) * FINE), fill=PUBLISHED, width=2 * FINE)
        draw.text(((right + 10) * FINE, middle), bar.spread.text(), fill=INK, font=font, anchor="lm")
    return bottom + AXIS


def _whisker(draw: ImageDraw.ImageDraw, low: float, high: float, middle: float) -> None:
    """A line from one standard deviation below the mean to one above."""
    end = 5 * FINE
    draw.line((low, middle, high, middle), fill=INK, width=2 * FINE)
    for at in (low, high):
        draw.line((at, middle - end, at, middle + end), fill=INK, width=2 * FINE)


def _range(bars: Sequence[_Bar]) -> tuple[float, float]:
    """The axis of a panel. From zero, unless all figures lie so high that their differences would not be seen."""
    values = [value for bar in bars for value in bar.spread.values.values()]
    values += [bar.spread.mean + bar.spread.deviation for bar in bars if bar.spread.mean and bar.spread.deviation]
    values += [bar.published / 100 for bar in bars if bar.published is not None]
    high = min(1.0, max([*values, 0.01]) * 1.05)
    low = min(values, default=0.0)
    return (0.0, high) if low < 0.7 * high else (max(0.0, low - 0.5 * (high - low) - 0.02), high)
