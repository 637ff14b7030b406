"""Montages: the slices of a volume side by side, overlaid with the colours of their labels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sceneparse.drawing.legend import LegendEntry
from sceneparse.drawing.lettering import Lettering
from sceneparse.drawing.panel import share_text, written_name
from sceneparse.drawing.render import draw_overlay
from sceneparse.labels import LabelSpace

SHOWN, COLUMNS = 20, 5
"""Slices of a montage at most, and how many stand in a row."""
SIDE = 220
"""The longer side of a slice, in pixels."""
GAP, LINE, CHIP, TEXT = 8, 24, 14, 14
PAPER, INK, QUIET = (16, 18, 20), (236, 238, 240), (150, 156, 162)
OPACITY = 0.55


@dataclass(frozen=True)
class Slice:
    """One slice of a volume, to be drawn in a montage.

    Args:
        number: Its number, from 0 at the feet.
        image: (H, W, 3) uint8.
        labels: (H, W) class indices; pixels of none (-1) show the picture.
    """

    number: int
    image: NDArray[np.uint8]
    labels: NDArray[np.int16]


def chosen(numbers: Sequence[int]) -> list[int]:
    """Choose at most `SHOWN` of the numbers, evenly spaced from the first to the last."""
    count = min(SHOWN, len(numbers))
    positions = np.linspace(0, len(numbers) - 1, count).round().astype(int)
    return [numbers[position] for position in positions.tolist()]


def draw_montage(
    slices: Sequence[Slice], space: LabelSpace, legend: Sequence[LegendEntry], pixel: tuple[float, float] = (1, 1)
) -> Image.Image:
    """Draw a volume's slices in rows, the patient's left (L) on the left, with a legend of the classes below.

    Args:
        slices: At least one, all of one size.
        space: The classes.
        legend: The classes that are named, with their shares of the volume.
        pixel: Height and width of a pixel, in any unit: slices are shown as wide as they are.
    """
    height, width = slices[0].labels.shape
    tall, wide = height * pixel[0], width * pixel[1]
    size = max(1, round(SIDE * wide / max(tall, wide))), max(1, round(SIDE * tall / max(tall, wide)))
    columns = min(COLUMNS, len(slices))
    rows = math.ceil(len(slices) / columns)
    font = Lettering(TEXT)
    entries = [f"{written_name(entry.name, space)}  {share_text(entry.share)}" for entry in legend]
    across = max(columns * (size[0] + GAP) + GAP, 320)
    per_line = max(1, across // max([round(font.length(text)) + CHIP + 3 * GAP for text in entries], default=across))
    below = math.ceil(len(entries) / per_line) * LINE + (GAP if entries else 0)
    canvas = Image.new("RGB", (across, rows * (size[1] + LINE + GAP) + GAP + below), PAPER)
    draw = ImageDraw.Draw(canvas)
    for number, one in enumerate(slices):
        left, top = GAP + number % columns * (size[0] + GAP), GAP + number // columns * (size[1] + LINE + GAP)
        # Enlarged before the borders are drawn, so that these stay thin; labels are never blended.
        image = np.asarray(Image.fromarray(one.image).resize(size, Image.Resampling.BILINEAR))
        labels = np.asarray(Image.fromarray(one.labels.astype(np.int32)).resize(size, Image.Resampling.NEAREST))
        canvas.paste(draw_overlay(image, labels.astype(np.int16), space, None, OPACITY), (left, top))
        # Radiologists would look for the patient's left on the right.
        font.write(draw, (left + 3, top + size[1] // 2), "L", QUIET, "lm")
        font.write(draw, (left + 2, top + size[1] + LINE // 2), f"slice {one.number}", QUIET, "lm")
    top = rows * (size[1] + LINE + GAP) + GAP
    for number, (entry, text) in enumerate(zip(legend, entries, strict=True)):
        left, middle = GAP + number % per_line * (across // per_line), top + number // per_line * LINE + LINE // 2
        draw.rectangle((left, middle - CHIP // 2, left + CHIP, middle + CHIP // 2), entry.color)
        font.write(draw, (left + CHIP + GAP, middle), text, INK, "lm")
    return canvas
