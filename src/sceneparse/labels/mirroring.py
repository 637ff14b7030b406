"""Pairs of classes that a mirror image turns into each other, such as a left and a right door."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sceneparse.errors import UserError

Pair = tuple[str, str | None]
"""The names of two classes: a mirror image of the one shows the other. None: it shows what is none of the classes."""

KEY = "mirror"
"""What classes.json calls its list of pairs."""


def pairs_of(value: Any) -> tuple[Pair, ...]:
    """Return the pairs that JSON lists; none for null.

    Raises:
        UserError: It is no list of pairs of names, of which one may be null.
    """
    listed = [] if value is None else value
    if not isinstance(listed, list) or not all(_is_pair(pair) for pair in listed):
        raise UserError(f'"{KEY}" must be a list of pairs of class names, such as [["left door", "right door"]]')
    return tuple((other, None) if one is None else (one, other) for one, other in listed)


def _is_pair(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 2 or value == [None, None]:
        return False
    return all(name is None or isinstance(name, str) for name in value)


def refuse_overlaps(pairs: Iterable[Pair], what: str) -> None:
    """Refuse pairs of a class with itself, and classes that are in two pairs.

    Args:
        pairs: The pairs.
        what: What messages call the list of pairs.

    Raises:
        UserError: There is such a pair.
    """
    partner: dict[str, str | None] = {}
    for one, other in pairs:
        if one == other:
            raise UserError(f"{what} pairs '{one}' with itself: leave out classes that stay what they are")
        for name, new in ((one, other), (other, one)):
            if name is None:
                continue
            if name in partner:
                before, now = (_quoted(image) for image in (partner[name], new))
                again = f"the pair of '{name}' and {now} twice: once is enough"
                two = f"'{name}' with both {before} and {now}: a class has one mirror image"
                raise UserError(f"{what} lists {again}" if before == now else f"{what} pairs {two}")
            partner[name] = new


def _quoted(name: str | None) -> str:
    return "null" if name is None else f"'{name}'"


def refuse_unnamed(pairs: Iterable[Pair], names: Collection[str], what: str) -> None:
    """Refuse pairs with names that no class has.

    Raises:
        UserError: There is one.
    """
    for pair in pairs:
        for name in pair:
            if name is not None and name not in names:
                raise UserError(f"{what} names '{name}', which is no class: list pairs of the classes' own names")


def mirror_image(names: Sequence[str], pairs: Sequence[Pair]) -> tuple[int, ...]:
    """Return the index of the class that each class is in a mirror image; empty where all stay what they are.

    A class whose mirror image is none of the classes has its own index.

    Args:
        names: The classes.
        pairs: Pairs of them.
    """
    if all(other is None for _, other in pairs):
        return ()
    index = {name: number for number, name in enumerate(names)}
    image = list(range(len(names)))
    for one, other in pairs:
        if other is not None:
            image[index[one]], image[index[other]] = index[other], index[one]
    return tuple(image)


def without_image(names: Sequence[str], pairs: Iterable[Pair]) -> tuple[int, ...]:
    """Return the indices of the classes whose mirror images are none of the classes.

    Args:
        names: The classes.
        pairs: Pairs of them.
    """
    return tuple(names.index(one) for one, other in pairs if other is None)


def surviving(pairs: Iterable[Pair], names: Collection[str]) -> tuple[Pair, ...]:
    """Return the pairs of classes of which only some are left."""
    return renamed(pairs, {name: name for name in names})


def renamed(pairs: Iterable[Pair], new: Mapping[str, str | None]) -> tuple[Pair, ...]:
    """Return pairs by other names.

    A class whose partner is dropped has no mirror image any more: it would be taken for what its partner is. Two that
    became one class are their own mirror image.

    Args:
        pairs: The pairs.
        new: The classes' other names; None, or none, of a class that is dropped.
    """
    found = [[name and new.get(name) for name in pair] for pair in pairs]
    turned = [(one, other) if one is not None else (other, one) for one, other in found]
    return tuple((one, other) for one, other in turned if one is not None and one != other)


def joined(pairs: Iterable[Pair], what: str) -> tuple[Pair, ...]:
    """Return pairs from several lists, each once; a class that is in a pair in one of them has a mirror image.

    Args:
        pairs: The pairs.
        what: What messages call what pairs the classes.

    Raises:
        UserError: A class is in two different pairs, or in one with itself.
    """
    once = tuple({frozenset(pair): pair for pair in reversed(list(pairs))}.values())[::-1]
    having = {name for pair in once if None not in pair for name in pair}
    found = tuple((one, other) for one, other in once if other is not None or one not in having)
    refuse_overlaps(found, what)
    return found


def paired_by_name(names: Sequence[str], *, letters: bool = False) -> tuple[tuple[str, str], ...]:
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
