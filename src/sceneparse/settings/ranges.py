"""Ranges of numbers that are shown as black to white."""

from collections.abc import Iterable, Mapping, Set
from numbers import Integral, Real
from typing import Any

from sceneparse.arguments import argument, shown
from sceneparse.errors import counted, require

ValueRange = tuple[float, float] | tuple[tuple[float, float], ...]
"""The numbers that become black and white, of all bands or of each."""


def pairs_of(value_range: ValueRange) -> tuple[tuple[float, float], ...]:
    """Return a range as pairs: one for all bands, or one for each."""
    given: Any = value_range
    return tuple((low, high) for low, high in given) if isinstance(given[0], tuple | list) else (tuple(given),)


def refuse_other_ranges(value_range: ValueRange | None, channels: int) -> None:
    """Refuse `data.range` with another number of pairs than pictures have channels.

    Raises:
        UserError: Neither one pair for all nor one for each.
    """
    pairs = () if value_range is None else pairs_of(value_range)
    require(
        len(pairs) in (0, 1, channels),
        f"data.range has {len(pairs)} pairs, but pictures are read with {counted(channels, 'channel')} "
        "(backbone.in_channels): give one pair for all, or one for each",
    )


def checked_ranges(name: str, value: Any) -> tuple[tuple[float, float], ...]:
    """Return the ranges that a call is given as pairs of plain numbers: one for all channels, or one for each.

    Args:
        name: The argument.
        value: Pairs, a single pair, which is one for all channels, or None, which is no range.

    Raises:
        UserError: It is something else.
    """
    listed = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | Set)
    given = list(value) if listed else []
    pairs = [given] if given and all(_is_number(one) for one in given) else given
    fits = (listed or value is None) and all(_is_pair(one) for one in pairs)
    require(
        fits,
        f"{argument(name)} is {shown(value)}, but must be pairs of numbers, what becomes black and what becomes white, "
        "such as [(0, 4095)], or None",
    )
    return tuple((_plain(low), _plain(high)) for low, high in pairs)


def _is_pair(value: Any) -> bool:
    listed = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | Set)
    return listed and len(numbers := list(value)) == 2 and all(_is_number(one) for one in numbers)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _plain(number: Any) -> float:
    return int(number) if isinstance(number, Integral) else float(number)
