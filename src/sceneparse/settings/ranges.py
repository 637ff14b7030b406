"""Ranges of numbers that are shown as black to white."""

from typing import Any

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
