"""Draw a parse: the picture under its classes' colours, regions outlined, beside a panel that names the classes."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sceneparse.drawing.paint import blend, paint
from sceneparse.drawing.panel import INK, PAPER, Entry, Named, Style, beside, under, written_name
from sceneparse.labels import LabelSpace
from sceneparse.settings.legend import LegendLayout

_SMALLEST = 320
"""Pictures whose long side is shorter are enlarged when a legend is drawn: names need about this much room."""
_BORDER_OPACITY = 0.45
_BAND = 256
"""Rows that are drawn at a time."""


def draw_overlay(
    image: NDArray[np.uint8],
    labels: NDArray[np.int16],
    space: LabelSpace,
    legend: Sequence[Entry] | None,
    opacity: float,
    layout: LegendLayout = "auto",
) -> Image.Image:
    """Lay the classes' colours over a picture, draw the regions' borders, and add a panel with the classes.

    Args:
        image: (H, W, 3) uint8.
        labels: (H, W) class indices; pixels of none (-1) show the picture.
        space: The label space.
        legend: What the panel shows, in this order; None or nothing draws no panel.
        opacity: How much of the colours is seen, 0..1.
        layout: Where the panel is: auto (beside an upright picture, under any other), below, or none.

    Returns:
        A picture of the given one's size (a whole multiple of it if it is small and has a panel), plus the panel.
    """
    if layout == "none":
        legend = None
    legend = legend and [Named(written_name(entry.name, space), entry.color, entry.share) for entry in legend]
    thickness = max(1, round(min(labels.shape) / 500))
    if legend and (factor := enlargement(labels.shape[0], labels.shape[1])) > 1:
        image, labels = (np.repeat(np.repeat(pixels, factor, 0), factor, 1) for pixels in (image, labels))
    height, width = labels.shape
    if not legend:
        canvas = Image.new("RGB", (width, height))
    else:
        made = beside if height > width and layout == "auto" else under
        canvas = made(width, height, legend)
    # Bands of rows, with what a border may reach into them from outside: drawing takes no more than the canvas itself.
    for top in range(0, height, _BAND):
        bottom = min(top + _BAND, height)
        first, last = max(0, top - thickness), min(height, bottom + thickness)
        drawn = _blended(image[top:bottom], labels[top:bottom], space, opacity)
        edge = _borders(labels[first:last], thickness)[top - first : bottom - first]
        drawn[edge] = blend(drawn[edge], np.array([255, 255, 255], np.uint8), _BORDER_OPACITY)
        canvas.paste(Image.fromarray(drawn), (0, top))
    return canvas


def enlargement(height: int, width: int) -> int:
    """Return how many times as large a picture is drawn, so that the names of a legend fit."""
    return max(1, math.ceil(_SMALLEST / max(height, width)))


def draw_panels(panels: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    """Draw pictures side by side, at most three in a row, each under its title.

    Args:
        panels: Titles and pictures.
    """
    columns = min(3, len(panels))
    width, height = (max(side) for side in zip(*(drawn.size for _, drawn in panels), strict=True))
    style = Style.of(width, height)
    head = style.row + style.margin
    gap = style.margin
    rows = math.ceil(len(panels) / columns)
    canvas = Image.new("RGB", (columns * (width + gap) + gap, rows * (height + head + gap) + gap), PAPER)
    draw = ImageDraw.Draw(canvas)
    for slot, (title, drawn) in enumerate(panels):
        left, top = gap + slot % columns * (width + gap), gap + slot // columns * (height + head + gap)
        style.letters.write(draw, (left, top + head // 2), title, INK, "lm")
        canvas.paste(drawn, (left, top + head))
    return canvas


def _blended(
    image: NDArray[np.uint8], labels: NDArray[np.int16], space: LabelSpace, opacity: float
) -> NDArray[np.uint8]:
    colors = paint(labels, space)
    nothing = labels < 0
    if nothing.any():
        colors[nothing] = image[nothing]
    return blend(image, colors, opacity)


def _borders(labels: NDArray[np.int16], thickness: int) -> NDArray[np.bool_]:
    """Return which pixels lie on a border between classes, `thickness` pixels wide."""
    edge = np.zeros(labels.shape, dtype=bool)
    edge[1:] |= labels[1:] != labels[:-1]
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    for step in range(thickness - 1):
        thin = edge.copy()
        # Grown to one side and the other in turn, so that the line stays where the border is.
        if step % 2:
            edge[1:] |= thin[:-1]
            edge[:, 1:] |= thin[:, :-1]
        else:
            edge[:-1] |= thin[1:]
            edge[:, :-1] |= thin[:, 1:]
    return edge
