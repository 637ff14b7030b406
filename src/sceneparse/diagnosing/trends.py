"""Whether figures rise or fall from one validation to the next, apart from their noise.

The test is Mann's (Econometrica 13, 1945; Kendall's tau), the slope is Theil's and Sen's (the median over all pairs):
neither asks how the noise is distributed, and one bad validation moves neither.
"""

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import median

Point = tuple[float, float]
"""When, and what was measured."""

LEAST = 4
"""Of fewer points no order is surprising."""

CHANCE = 1.645
"""Standard deviations beyond which an order comes about by chance in one of twenty cases at most, one-sided."""


def rises(points: Sequence[Point]) -> bool:
    """Return whether the values rise with time, more surely than chance would have it in one of twenty cases."""
    count = len(points)
    if count < LEAST:
        return False
    ordered = sorted(points)
    order = sum((later > earlier) - (later < earlier) for (_, earlier), (_, later) in combinations(ordered, 2))
    deviation = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    return (order - 1) / deviation > CHANCE


def falls(points: Sequence[Point]) -> bool:
    """Return whether the values fall with time, as surely as in `rises`."""
    return rises([(when, -value) for when, value in points])


def slope(points: Sequence[Point]) -> float:
    """Return by how much the values rise in a unit of time: the median over all pairs of points at different times."""
    return median((b - a) / (then - now) for (now, a), (then, b) in combinations(sorted(points), 2) if then > now)
