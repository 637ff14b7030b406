"""Masks whose numbers are shown as other greys: those of 1, 2 or 4 bits, and palettes of greys.

PNG (third edition, 12.4) shows the numbers of few bits spread over black to white. Programs that shrink PNGs use that:
a mask that holds nothing but 0 and 255 becomes one of a bit, 0 and 1, that looks the same.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from sceneparse.labels import LabelSpace

_START = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_HEAD = 1024
"""Bytes in which a palette of up to 256 colours ends, where nothing long stands before it."""
_DEPTH, _COLOR = 24, 25
"""Positions of the bit depth and of the colour type in a PNG."""

AS_SHOWN = 'Image.open(FILE).convert("L").save(FILE) with Pillow'
"""What writes a mask with 8 bits, in the greys that are shown."""


class GreyForm(NamedTuple):
    """How a PNG holds greys.

    Args:
        bits: Of a number.
        palette: Whether the numbers are indices of a palette of greys.
    """

    bits: int
    palette: bool

    @property
    def packed(self) -> bool:
        """Whether its numbers are shown as other greys."""
        return self.palette or self.bits < 8

    def differs(self, other: GreyForm) -> bool:
        """Whether the other holds greys themselves in another number of bits, so that a program packed one of them."""
        return not other.palette and (self.palette or other.bits != self.bits)


def grey_form(path: Path) -> GreyForm | None:
    """Return how a PNG holds greys, by its first bytes; None of any other file, or of one that cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    if not head.startswith(_START) or len(head) < 33:
        return None
    bits, color = head[_DEPTH], head[_COLOR]
    if color == 0:
        return GreyForm(bits, palette=False)
    at = head.find(b"PLTE")
    if color != 3 or at < 0:
        return None
    colors = head[at + 4 : at + 4 + int.from_bytes(head[at - 4 : at], "big")]
    greys = colors[::3]
    if not greys == colors[1::3] == colors[2::3] or greys == bytes(range(len(greys))):
        return None
    return GreyForm(bits, palette=True)


def packed_greys(bits: int) -> tuple[int, ...]:
    """Return the grey of 8 bits of each number of fewer bits; empty of any other number of bits."""
    return tuple(range(0, 256, 255 // (2**bits - 1))) if bits in (1, 2, 4) else ()


def two_readings(shown: Mapping[int, int], labels: LabelSpace) -> str:
    """Say of a mask what its numbers may mean, where they are all known as they are stored and as they are shown.

    Args:
        shown: The numbers that occur, with the grey that each is shown in.
        labels: The label space, of ids.

    Returns:
        Such as "1 is class 'road', or ignored as the 255 that it is shown as"; empty where one reading alone is known.
    """
    if not _known(shown, labels) or not _known(shown.values(), labels):
        return ""
    for number, grey in shown.items():
        own, other = _meaning(number, labels), _meaning(grey, labels)
        if own != other:
            return f"{number} is {own}, or {other} as the {grey} that it is shown as"
    return ""


def shown_hint(
    unknown: Collection[str], shown: Mapping[int, int], greys: Collection[int], labels: LabelSpace, every: bool | None
) -> str:
    """Say what to do about numbers that no class has, where classes have the greys that they are shown in.

    Args:
        unknown: The numbers that no class has.
        shown: The numbers that occur, with the grey that each is shown in.
        greys: The grey of each number that the form can hold.
        labels: The label space, of ids.
        every: Whether all masks are of that form; None: that isn't known.

    Returns:
        Sentences; empty where that is not the reason.
    """
    if not set(unknown) <= {str(number) for number in shown} or not _known(shown.values(), labels):
        return ""
    number = int(next(iter(unknown)))
    found = f"{number} is shown as {shown[number]}, which the label space has"
    anew = f"write them anew with 8 bits: {AS_SHOWN}"
    number_of = {grey: number for number, grey in enumerate(greys)}
    values = {"ids": labels.ids, "ignore": labels.ignore}
    if every is False or not set(labels.ids) <= set(number_of):
        return f"{found}: {anew}."
    stored = {
        name: [number_of[value] for value in given if value in number_of] for name, given in values.items() if given
    }
    change = " and ".join(f'"{name}": {json.dumps(numbers)}' for name, numbers in stored.items())
    if every:
        return f"{found}: put {change} into classes.json, or {anew}."
    return f"{found}: if all masks are of that form, put {change} into classes.json; if some are, {anew}."


def _known(values: Collection[int], labels: LabelSpace) -> bool:
    return set(values) <= {*labels.ids, *labels.ignore}


def _meaning(value: int, labels: LabelSpace) -> str:
    return f"class '{labels.names[labels.ids.index(value)]}'" if value in labels.ids else "ignored"
