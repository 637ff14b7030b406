"""The classes of an export, and what its undrawn pixels are."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sceneparse.arguments import argument
from sceneparse.datasets.annotations.options import Unlabelled
from sceneparse.datasets.exported import WHY
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE, LabelSpace
from sceneparse.labels.space import BACKGROUNDS, Color, distinct_colors


@dataclass(frozen=True)
class Named:
    """A class as an export names it.

    Args:
        key: What the drawings say for it: an id or a name.
        name: Its name.
        color: Its colour, where the export gives it.
        id: Its number in the export, where it has one.
    """

    key: Hashable
    name: str
    color: Color | None = None
    id: int | None = None


@dataclass(frozen=True)
class Classes:
    """The classes of an export.

    Args:
        labels: The label space.
        index: By an export's key of a class, its class index; `IGNORE` for what counts in nothing.
        undrawn: What pixels are that nobody drew: a class index or `IGNORE`.
        notes: What a user should know of it.
    """

    labels: LabelSpace
    index: Mapping[Any, int]
    undrawn: int
    notes: tuple[str, ...] = ()


def classes_of(
    found: Sequence[Named],
    unlabelled: Unlabelled,
    usual: Unlabelled,
    where: str,
    ignored: Sequence[Hashable] = (),
    *,
    written_here: bool = False,
) -> Classes:
    """Return the classes of an export: those that it names, in its order, and the background where there is one.

    A class that the export itself calls background is what undrawn pixels are then; else the background is class 0.
    Classes of the same name are one class.

    Args:
        found: The classes.
        unlabelled: What undrawn pixels are: the setting.
        usual: What the tool means by undrawn pixels.
        where: The file, for messages.
        ignored: Keys of drawings that count in nothing.
        written_here: Whether undrawn pixels are what they are since `data export` wrote the files.

    Raises:
        UserError: There is no class, one has no name, or a key stands for two.
    """
    chosen = usual if unlabelled == "auto" else unlabelled
    kept: list[Named] = []
    index: dict[Any, int] = dict.fromkeys(ignored, IGNORE)
    positions: dict[str, int] = {}
    merged: list[str] = []
    for one in found:
        if not one.name.strip():
            raise UserError(f"{where}: class {one.key!r} has no name; name it in the tool and export again")
        if one.key in index:
            raise UserError(f"{where}: class {one.key!r} is there twice; give each its own number in the tool")
        if one.name in positions:
            merged.append(one.name)
        else:
            positions[one.name] = len(kept)
            kept.append(one)
        index[one.key] = positions[one.name]
    own = next((position for position, one in enumerate(kept) if _is_background(one)), None)
    undrawn = IGNORE
    if chosen == "background" and own is not None:
        undrawn = own
    elif chosen == "background":
        kept.insert(0, Named(None, "background", (0, 0, 0), 0))
        index = {key: value + (value != IGNORE) for key, value in index.items()}
        undrawn = 0
    if not kept:
        raise UserError(f"{where}: names no class; draw something in the tool, name its class, and export again")
    what = "count in nothing" if undrawn == IGNORE else f"are class '{kept[undrawn].name}'"
    notes = [f"{undrawn_note(what, chosen)}{WHY * written_here}"]
    if merged:
        notes.append(f"{where}: several classes are called '{merged[0]}'; they are one class here")
    notes += _alike(positions)
    return Classes(_label_space(kept), index, undrawn, tuple(notes))


def undrawn_note(what: str, chosen: str) -> str:
    """Say what pixels are that nobody drew, and which setting makes them something else.

    Args:
        what: What they do or are, such as "count in nothing".
        chosen: ignore or background.
    """
    other, makes = ("background", "makes them a class") if chosen == "ignore" else ("ignore", "leaves them out")
    hint = f"{argument('data.options.unlabelled', other)} {makes}"
    return f"pixels that nobody drew {what} (data.options.unlabelled: {chosen}; {hint})"


def _alike(names: Iterable[str]) -> list[str]:
    """Say which classes' names differ in their case or in blanks alone, which people seldom mean."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(" ".join(name.split()).casefold(), []).append(name)
    notes = []
    for alike in found.values():
        *others, kept = sorted(alike, key=lambda name: name != name.strip(), reverse=True)
        if others:
            notes.append(
                f"classes {', '.join(map(repr, alike))} differ in case or blanks alone, and are classes of their own; "
                f"to make them one: {argument('data.classes.rename', dict.fromkeys(others, kept))}"
            )
    return notes


def _is_background(one: Named) -> bool:
    return one.name.casefold() in BACKGROUNDS


def _label_space(kept: Sequence[Named]) -> LabelSpace:
    ids = tuple(one.id for one in kept)
    whole = tuple(value for value in ids if value is not None and 0 <= value < 65535)
    if len(set(whole)) != len(kept):
        whole = tuple(range(len(kept)))
    nothing = 65535 if 255 in whole or max(whole) > 255 else 255
    generated = distinct_colors(len(kept))
    own = [(0, 0, 0) if one.color is None and _is_background(one) else one.color for one in kept]
    # A few given colours beside generated ones could be the same ones twice.
    given = all(color is not None for color in own)
    colors = tuple(
        color if color is not None and (given or _is_background(one)) else other
        for one, color, other in zip(kept, own, generated, strict=True)
    )
    return LabelSpace(tuple(one.name for one in kept), colors=colors, ids=whole, ignore=(nothing,))
