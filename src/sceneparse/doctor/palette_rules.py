"""The doctor's rules about palette masks, whose indices are ids only if all files number their colours alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sceneparse.datasets.layout import CLASSES
from sceneparse.doctor.findings import Finding, finding_of
from sceneparse.doctor.looks import MaskLook
from sceneparse.doctor.pair_facts import Facts, relative
from sceneparse.errors import counted
from sceneparse.labels import Color

if TYPE_CHECKING:
    from sceneparse.doctor.rules import Evidence

Masks = Sequence[tuple[Facts, MaskLook]]

LISTED = 8
"""Colours that a message lists."""


def unlike_palettes(evidence: Evidence) -> Iterator[Finding]:
    """Find palette masks whose indices stand for other colours than in other files, or than classes.json has."""
    if evidence.labels.masks != "index":
        return
    looks = [(fact, fact.looks.mask) for split in evidence.facts.values() for fact in split if fact.looks.mask]
    masks = [(fact, mask) for fact, mask in looks if _says_something(mask)]
    if all(mask.greys for _, mask in masks):
        return  # whose greys are ids in all files alike
    moved = _renumbered(masks, evidence.root)
    other = {} if moved else _redrawn(masks, evidence.root)
    colors = list(dict.fromkeys(mask.color(index) for _, mask in masks for index in mask.used))
    if moved or (other and _a_class_each(evidence, masks, colors)):
        wrong = moved or other
        message = (
            f"palettes of masks differ in their order: {next(iter(wrong.values()))}, so that their indices are no ids; "
            f"{_instead(evidence, colors)}"
        )
        yield finding_of("error", "palette-order", message, [relative(mask, evidence.root) for mask in wrong])
        return
    if other:
        message = (
            f"palettes of masks differ: {next(iter(other.values()))}; the indices count, which is right if programs "
            "drew the same ids in colours of their own (compare some in `sceneparse data show`); if not, "
            f"{_instead(evidence, colors)}"
        )
        yield finding_of("warning", "palettes-differ", message, [relative(mask, evidence.root) for mask in other])
    yield from _other_colors(evidence, masks)


def _says_something(mask: MaskLook) -> bool:
    """Whether a palette numbers colours, and isn't one of greys that are the indices themselves.

    Black at 0 is one of greys, but also where most programs begin: a file that has no other says what 0 is.
    """
    if mask.greys or mask.used == (0,):
        return bool(mask.palette)
    return any(mask.color(index) != (index, index, index) for index in mask.used)


def _renumbered(masks: Masks, root: Path) -> dict[Path, str]:
    """Files in which a colour has another index than in others, and a line on each."""
    first: dict[Color, tuple[int, Facts, MaskLook]] = {}
    moved: dict[Path, str] = {}
    for fact, mask in masks:
        for index in mask.used:
            color = mask.color(index)
            usual, other, known = first.setdefault(color, (index, fact, mask))
            # A colour that stands twice in one palette is no sign: programs fill what is left of it with black.
            if usual != index and known.color(index) != color and mask.color(usual) != color:
                where = [relative(one.mask, root) for one in (other, fact)]
                moved.setdefault(fact.mask, f"{_hex(color)} is {usual} in {where[0]}, but {index} in {where[1]}")
    return moved


def _redrawn(masks: Masks, root: Path) -> dict[Path, str]:
    """Files in which an index has another colour than in others, and a line on each."""
    first: dict[int, tuple[Color, Facts]] = {}
    wrong: dict[Path, str] = {}
    for fact, mask in masks:
        for index in mask.used:
            usual, other = first.setdefault(index, (mask.color(index), fact))
            if usual != mask.color(index):
                where = [relative(one.mask, root) for one in (other, fact)]
                text = f"{index} is {_hex(usual)} in {where[0]}, but {_hex(mask.color(index))} in {where[1]}"
                wrong.setdefault(fact.mask, text)
    return wrong


def _a_class_each(evidence: Evidence, masks: Masks, colors: Sequence[Color]) -> bool:
    """Whether colours that share an index may well be classes: a label space has both, or no more occur than it has."""
    labels = evidence.labels
    drawn: Mapping[int, set[Color]] = defaultdict(set)
    for _, mask in masks:
        for index in mask.used:
            drawn[index].add(mask.color(index))
    known = {*labels.colors, *labels.ignore_colors}
    if any(len(found & known) > 1 for found in drawn.values()):
        return True
    return len(colors) <= len(labels) + bool(labels.ignore)


def _instead(evidence: Evidence, colors: Sequence[Color]) -> str:
    """What to do about indices that are no ids."""
    layout = evidence.layout
    if layout is not None and (layout.fixed or layout.named_in != CLASSES):
        return (
            "write all masks again with one palette, in which each class has its own index, or as grey pictures of ids"
        )
    listed = ", ".join(str(list(color)) for color in colors[:LISTED]) + (", …" if len(colors) > LISTED else "")
    return (
        f'read the colours: "masks": "rgb" in classes.json, with the "colors" of the classes, and in "ignore_colors" '
        f"those that count in nothing (in the masks are {listed})"
    )


def _other_colors(evidence: Evidence, masks: Masks) -> Iterator[Finding]:
    """Palettes that give an index the colour of another class."""
    labels = evidence.labels
    if len(set(labels.colors)) < len(labels):
        return
    class_of = dict(zip(labels.colors, labels.names, strict=True))
    name_of = dict(zip(labels.ids, labels.names, strict=True))
    wrong: dict[Path, str] = {}
    for fact, mask in masks:
        for index in mask.used:
            drawn = class_of.get(mask.color(index))
            if drawn is not None and index in name_of and name_of[index] != drawn:
                text = f"{index} is '{name_of[index]}', but drawn in {_hex(mask.color(index))}, the colour of '{drawn}'"
                wrong.setdefault(fact.mask, text)
    if wrong:
        message = (
            f"{counted(len(wrong), 'mask')} whose palette and label space disagree: {next(iter(wrong.values()))}; the "
            'indices count, so give each class its own by "ids" in classes.json, or read the colours: "masks": "rgb"'
        )
        yield finding_of("warning", "palette-colors", message, [relative(mask, evidence.root) for mask in wrong])


def _hex(color: Color) -> str:
    return "#" + "".join(f"{value:02x}" for value in color)
