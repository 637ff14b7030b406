"""Pairs of classes that a mirror image turns into each other, such as a left and a right door."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sceneparse.errors import UserError

Pair = tuple[str, str]
"""The names of two classes: a mirror image of the one shows the other."""

KEY = "mirror"
"""What classes.json calls its list of pairs."""


def pairs_of(value: Any) -> tuple[Pair, ...]:
    """Return the pairs that JSON lists; none for null.

    Raises:
        UserError: It is no list of pairs of names.
    """
    listed = [] if value is None else value
    if not isinstance(listed, list) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(name, str) for name in pair) for pair in listed
    ):
        raise UserError(f'"{KEY}" must be a list of pairs of class names, such as [["left door", "right door"]]')
    return tuple((one, other) for one, other in listed)


def refuse_overlaps(pairs: Iterable[Pair], what: str) -> None:
    """Refuse pairs of a class with itself, and classes that are in two pairs.

    Args:
        pairs: The pairs.
        what: What messages call the list of pairs.

    Raises:
        UserError: There is such a pair.
    """
    partner: dict[str, str] = {}
    for one, other in pairs:
        if one == other:
            raise UserError(f"{what} pairs '{one}' with itself: leave out classes that stay what they are")
        for name, new in ((one, other), (other, one)):
            if name in partner:
                before = partner[name]
                again = f"the pair of '{name}' and '{new}' twice: once is enough"
                two = f"'{name}' with both '{before}' and '{new}': a class has one mirror image"
                raise UserError(f"{what} lists {again}" if before == new else f"{what} pairs {two}")
            partner[name] = new


def refuse_unnamed(pairs: Iterable[Pair], names: Collection[str], what: str) -> None:
    """Refuse pairs with names that no class has.

    Raises:
        UserError: There is one.
    """
    for pair in pairs:
        for name in pair:
            if name not in names:
                raise UserError(f"{what} names '{name}', which is no class: list pairs of the classes' own names")


def mirror_image(names: Sequence[str], pairs: Sequence[Pair]) -> tuple[int, ...]:
    """Return the index of the class that each class is in a mirror image; empty where all stay what they are.

    Args:
        names: The classes.
        pairs: Pairs of them.
    """
    if not pairs:
        return ()
    index = {name: number for number, name in enumerate(names)}
    image = list(range(len(names)))
    for one, other in pairs:
        image[index[one]], image[index[other]] = index[other], index[one]
    return tuple(image)


def surviving(pairs: Iterable[Pair], names: Collection[str]) -> tuple[Pair, ...]:
    """Return the pairs of which both classes are among some."""
    return tuple(pair for pair in pairs if pair[0] in names and pair[1] in names)


def renamed(pairs: Iterable[Pair], new: Mapping[str, str | None]) -> tuple[Pair, ...]:
    """Return pairs by other names: of a class that is dropped (None) there is none, nor of two that became one."""
    found = [(new[one], new[other]) for one, other in pairs]
    return tuple((one, other) for one, other in found if one is not None and other is not None and one != other)


def joined(pairs: Iterable[Pair], what: str) -> tuple[Pair, ...]:
    """Return pairs from several lists, each once.

    Args:
        pairs: The pairs.
        what: What messages call what pairs the classes.

    Raises:
        UserError: A class is in two different pairs, or in one with itself.
    """
    found = tuple({frozenset(pair): pair for pair in reversed(list(pairs))}.values())[::-1]
    refuse_overlaps(found, what)
    return found


def paired_by_name(names: Sequence[str], *, letters: bool = False) -> tuple[Pair, ...]:
    """Return pairs of classes whose names differ in left and right alone.

    Words may be parted by blanks, "_", "-" or a capital, or begin or end a name without any of these (leftmirror).

    Args:
        names: The classes.
        letters: Whether l and r at the beginning or end of a name of several words stand for left and right too.
    """
    by_key = {name.casefold(): name for name in reversed(names)}
    found = []
    for name in names:
        other = by_key.get(_right_for_left(name, letters=letters))
        if other is not None and other != name:
            found.append((name, other))
    used = [name for pair in found for name in pair]
    return tuple(pair for pair in found if all(used.count(name) == 1 for name in pair))


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^A-Za-z\d]+")


def _right_for_left(name: str, *, letters: bool) -> str:
    """A name with right in the place of left, in lower case; empty where it says nothing of left."""
    pieces = _WORD.findall(name)
    words = [number for number, piece in enumerate(pieces) if piece.isalnum()]
    ends = {words[0], words[-1]} if letters and len(words) > 1 else set()
    lower = [piece.casefold() for piece in pieces]
    turned = [
        "right" if piece == "left" else "r" if piece == "l" and number in ends else piece
        for number, piece in enumerate(lower)
    ]
    if turned == lower:
        turned = [re.sub(r"^left(?=[a-z])|(?<=[a-z])left$", "right", "".join(lower))]
    found = "".join(turned)
    return "" if found == "".join(lower) else found
