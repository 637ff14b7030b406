"""Outlines that cannot be meant as they stand: without area, beside their picture, or in shares of its size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from sceneparse.datasets.layout import Note
from sceneparse.errors import UserError, counted

if TYPE_CHECKING:
    from sceneparse.datasets.annotations.drawn import Record, Size

SHARES = (-0.1, 1.1)
"""Coordinates that are shares of a picture's size, with what drawing over the border adds."""

LOOKED_AT = 1000
"""Outlines, and annotation files, that are looked at when a split is opened; the doctor looks at all."""

BEYOND = 0.1
"""Share of a picture's side from which on an outline reaches far out of it."""

MANY = 0.5
"""Share of the outlines that are far outside from which on it is an error: most pictures have another size then."""


class Outline(NamedTuple):
    """Corners that somebody drew.

    Args:
        what: What it is called, as in "annotation 11".
        corners: Its corners as x and y; none of a mask without a pixel.
        percent: Whether they are percentages of the picture's width and height, and not pixels.
        bordered: Whether the tool draws its border too, so that it has pixels without area.
    """

    what: str
    corners: Sequence[tuple[float, float]]
    percent: bool = False
    bordered: bool = False


Outlines = Callable[["Record"], Iterator[Outline]]
"""Gives a record's outlines; such that cannot be drawn are left to the drawing, which refuses them."""


def corners_of(points: Any) -> list[tuple[float, float]]:
    """Return pairs of x and y as corners; none where one is no pair of finite numbers."""
    try:
        corners = [(float(x), float(y)) for x, y in points]
    except (TypeError, ValueError):
        return []
    return corners if all(math.isfinite(x) and math.isfinite(y) for x, y in corners) else []


def flat_corners(numbers: Any) -> list[tuple[float, float]]:
    """Return the corners of a list x, y, x, y, …; none where it is no such list."""
    whole = isinstance(numbers, list) and len(numbers) % 2 == 0
    return corners_of(zip(numbers[::2], numbers[1::2], strict=True)) if whole else []


def has_area(corners: Sequence[tuple[float, float]]) -> bool:
    """Return whether corners do not all lie on one line."""
    if len(corners) < 3:
        return False
    x0, y0 = corners[0]
    x1, y1 = next((corner for corner in corners if corner != (x0, y0)), (x0, y0))
    return any((x1 - x0) * (y - y0) != (y1 - y0) * (x - x0) for x, y in corners)


def _in_shares(outline: Outline) -> bool:
    low, high = SHARES
    return all(low <= value <= high for corner in outline.corners for value in corner)


def refuse_shares(records: Iterable[Record], outlines: Outlines, size: Callable[[Record], Size | None]) -> None:
    """Refuse outlines that all lie within the first pixel, where annotations hold shares of pictures' sizes.

    Args:
        records: The annotated pictures.
        outlines: Gives their outlines.
        size: Gives a picture's height and width, None where its file cannot be read.

    Raises:
        UserError: They do.
    """
    first: tuple[Record, Outline] | None = None
    seen = ((record, one) for record in islice(records, LOOKED_AT) for one in outlines(record) if one.corners)
    for record, one in islice(seen, LOOKED_AT):
        if not _in_shares(one):
            return
        first = first or (record, one)
    if first is None:
        return
    record, one = first
    own = size(record)
    if own is not None and max(own) > 2:
        unit = "percent" if one.percent else "pixels"
        raise UserError(
            f"{record.file}: no outline has a coordinate beyond 1, such as {one.what} of picture '{record.name}': they "
            f"seem to be shares of the pictures' width and height, where {unit} are meant; multiply x by "
            f"{'100' if one.percent else 'the width'} and y by {'100' if one.percent else 'the height'}"
        )


def doubtful(records: Sequence[Record], outlines: Outlines, size: Callable[[Record], Size | None]) -> Iterator[Note]:
    """Say how many outlines have no area, lie far outside their pictures, or within the first pixel.

    Args:
        records: The annotated pictures.
        outlines: Gives their outlines.
        size: Gives a picture's height and width, None where its file cannot be read.
    """
    empty: list[str] = []
    outside: list[str] = []
    tiny: list[str] = []
    total = 0
    for record in records:
        own = size(record)
        for one in outlines(record):
            name = f"{one.what} of picture '{record.name}'"
            total += 1
            if not one.bordered and not has_area(one.corners):
                empty.append(name)
            elif own is not None and _is_far(one, own):
                outside.append(name)
            elif own is not None and max(own) > 2 and not one.percent and _in_shares(one):
                tiny.append(name)
    where = records[0].file if records else ""
    if empty:
        yield Note(
            "warning",
            "no-area",
            f"{where}: {counted(len(empty), 'outline')} without area (fewer than 3 corners, all on one line, or a mask "
            f"without a pixel) left out, the first is {empty[0]}",
        )
    if outside:
        yield Note(
            "error" if len(outside) >= MANY * total else "warning",
            "outside",
            f"{where}: {len(outside):,} of {counted(total, 'outline')} lie outside their pictures or reach far out of "
            f"them, the first is {outside[0]}; were they drawn on pictures of another size? Give the pictures that "
            "were annotated",
        )
    if tiny:
        yield Note(
            "warning",
            "shares",
            f"{where}: {len(tiny):,} of {counted(total, 'outline')} lie within the first pixel, the first is {tiny[0]}"
            "; are their coordinates shares of the picture's size, where pixels are meant?",
        )


def _is_far(outline: Outline, size: Size) -> bool:
    """Whether an outline lies beside its picture, or reaches out of it by much of its side."""
    sides = (100.0, 100.0) if outline.percent else (float(size[1]), float(size[0]))
    for side, values in zip(sides, zip(*outline.corners, strict=True), strict=True):
        low, high, more = min(values), max(values), max(BEYOND * side, 2)
        if low >= side or high <= 0 or low < -more or high > side + more:
            return True
    return False
