"""What pixels are that nobody labelled: a class of their own, the background, or ignored."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sceneparse.arguments import argument
from sceneparse.datasets.layout import Note
from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.labels.space import Color, distinct_colors

Unlabelled = Literal["auto", "background", "ignore"]

BACKGROUND = "background"
"""What Datumaro calls the class of what nobody drew, where a list doesn't name one."""

_IGNORED = re.compile(r"^[_\s]*(void|unlabell?ed|ignored?|unknown|not labell?ed|unannotated)[_\s]*$", re.IGNORECASE)
"""Names by which tools and people mean pixels that count in nothing."""


@dataclass(frozen=True)
class UnlabelledOptions:
    """Settings of the kinds that annotation tools write.

    Args:
        unlabelled: What pixels are that nobody labelled: background (a class), ignore (they count in nothing), or auto:
            what the tool means by them; `sceneparse data check` shows which.
    """

    unlabelled: Unlabelled = "auto"


class Listed(NamedTuple):
    """A class as a tool's file lists it: its name, its value in index masks, and its colour, if it has one."""

    name: str
    value: int
    color: Color | None = None


def with_unlabelled(
    classes: Sequence[Listed], nothing: int | Color, choice: Unlabelled, where: str
) -> tuple[LabelSpace, Note]:
    """Return the label space of a tool's masks, and a line on the pixels that nobody labelled.

    In a list without the tool's colour, black, but with a class `background`, they have that class's colour: Datumaro
    and CVAT put it at the front of the list and paint undrawn pixels with it.

    Under "auto" these are the class that has their value in the tool's list, unless its name says that they count in
    nothing ("void", "unlabelled"); where the list has none, they are a class "background", as tools read them back.

    Args:
        classes: The classes as listed. Of colour masks each has a colour.
        nothing: The value of pixels that nobody labelled, in index masks, or their colour, in colour masks.
        choice: What they are to be.
        where: The file of the classes, for messages.

    Raises:
        UserError: No class is left, or names, values or colours repeat.
    """
    by_color = isinstance(nothing, tuple)
    if by_color and nothing not in {one.color for one in classes}:
        nothing = next((one.color for one in classes if one.name == BACKGROUND and one.color is not None), nothing)
    listed = next((one for one in classes if (one.color if by_color else one.value) == nothing), None)
    if choice == "auto":
        choice = "ignore" if listed is not None and _IGNORED.match(listed.name) else "background"
    chosen = list(classes)
    shown = f"#{nothing[0]:02x}{nothing[1]:02x}{nothing[2]:02x}" if isinstance(nothing, tuple) else f"value {nothing}"
    if choice == "ignore":
        chosen = [one for one in classes if one is not listed]
        name = f", which the tool calls '{listed.name}'," if listed is not None else ""
        note = (
            f"pixels that nobody labelled ({shown}){name} are ignored; "
            f"{argument('data.options.unlabelled', 'background')} makes them a class"
        )
    else:
        if listed is None:
            free = next(n for n in ("background", "unlabelled", "nothing") if n not in {one.name for one in classes})
            listed = Listed(free, -1, (0, 0, 0)) if by_color else Listed(free, nothing, (0, 0, 0))  # type: ignore[arg-type]
            chosen.insert(0, listed)
        note = (
            f"pixels that nobody labelled ({shown}) are the class '{listed.name}'; "
            f"{argument('data.options.unlabelled', 'ignore')} leaves them out"
        )
    if not chosen:
        raise UserError(f"{where}: names no class besides what nobody labelled: add the classes that were drawn")
    try:
        return _space(chosen, nothing, ignored=choice == "ignore"), Note("note", "unlabelled", note)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def _space(classes: Sequence[Listed], nothing: int | Color, *, ignored: bool) -> LabelSpace:
    names = tuple(one.name for one in classes)
    if isinstance(nothing, tuple):
        colors = tuple(one.color for one in classes if one.color is not None)
        return LabelSpace(names, colors, ignore_colors=(nothing,) if ignored else (), masks="rgb")
    drawn = distinct_colors(len(classes))
    colors = tuple(one.color or usual for one, usual in zip(classes, drawn, strict=True))
    values = tuple(one.value for one in classes)
    ignore = {nothing, 255} if ignored else {255} if nothing != 255 else set()
    return LabelSpace(names, colors, values, tuple(sorted(ignore - set(values))))
