"""Which part of the range in which a picture is shown its numbers fill."""

from typing import NamedTuple

import numpy as np

from sceneparse.pictures.numbers import Numbers
from sceneparse.settings.ranges import ValueRange, pairs_of

DEEP = 0.25
"""Pictures of more than 8 bits that use no more of their type's range than this probably have fewer bits than it."""


class Span(NamedTuple):
    """The part of a range that numbers fill.

    Args:
        lowest: The lowest number that is data.
        highest: The highest.
        white: The number that is white where no range was given; else 0.
        shares: Where the lowest and the highest lie, 0 at the dark end of the range and 1 at the light one, of that
            band which comes lowest and highest; below 0 and above 1 for numbers outside it.
        beyond: Which share of all numbers lies above the range.
        inverted: Whether 0 is white.
    """

    lowest: float
    highest: float
    white: int
    shares: tuple[float, float]
    beyond: float = 0.0
    inverted: bool = False


def span_of(numbers: Numbers, value_range: ValueRange | None) -> Span | None:
    """Return which part of its range a picture fills.

    Args:
        numbers: The picture's.
        value_range: As it is shown in; None: the type's.

    Returns:
        The part; None of bytes, of palettes, of what has no range, and where nothing is data.
    """
    if numbers.palette is not None or (numbers.white is not None and numbers.white <= 255):
        return None
    values, data = numbers.data()
    if not data.any() or (value_range is None and numbers.white is None):
        return None
    found = values[data]
    lowest, highest = float(found.min()), float(found.max())
    if value_range is None:
        white = numbers.white or 0
        return Span(lowest, highest, white, (lowest / white, highest / white), inverted=numbers.inverted)
    pairs = pairs_of(value_range)
    pairs = pairs * values.shape[2] if len(pairs) == 1 else pairs[: values.shape[2]]
    lows, highs, above = [], [], 0
    for band, (low, high) in enumerate(pairs):
        own = values[..., band][data[..., band]]
        if own.size:
            lows.append((float(own.min()) - low) / (high - low))
            highs.append((float(own.max()) - low) / (high - low))
            above += int(np.count_nonzero(own > high))
    return Span(lowest, highest, 0, (min(lows), max(highs)), above / found.size, numbers.inverted)
