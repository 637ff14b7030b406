"""Ranges of numbers that are shown as black to white."""

from typing import Any

ValueRange = tuple[float, float] | tuple[tuple[float, float], ...]
"""The numbers that become black and white, of all bands or of each."""


def pairs_of(value_range: ValueRange) -> tuple[tuple[float, float], ...]:
    """Return a range as pairs: one for all bands, or one for each."""
    given: Any = value_range
    return tuple((low, high) for low, high in given) if isinstance(given[0], tuple | list) else (tuple(given),)
