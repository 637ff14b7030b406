"""The names of classes that a file gives of its own: each is kept, equal and missing ones are told apart."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sceneparse.weights.importing.stated import Stated

MOST = 65_536
"""Classes at most."""

PLACEHOLDER = re.compile(r"LABEL_\d+")
"""What transformers calls a class without a name."""

KEYS = ("class_names", "CLASSES", "classes", "label_names", "id2label", "label2id", "class_to_idx")
"""Where training scripts put the names, beside the weights or among their hyper-parameters, in this order."""

KEYS_LOWER = frozenset(key.lower() for key in KEYS)

LISTS = ("labels", "categories", "category_names", "classnames", "names")
"""Where they may be, too, if what is there is a list of as many texts as there are classes."""


@dataclass(frozen=True)
class GivenNames:
    """Names of classes, all different.

    Args:
        names: By class index.
        indexed: Whether each was given with its index, so that what is not there has no name.
        notes: Which were changed, for people.
        maybe: Whether they may be of something else, so that they count only if there are as many as classes.
    """

    names: tuple[str, ...]
    indexed: bool = False
    notes: tuple[str, ...] = ()
    maybe: bool = False

    def of(self, count: int) -> tuple[str, ...] | None:
        """Return the names of so many classes; None if they are not for so many."""
        missing = range(len(self.names), count) if self.indexed else ()
        names = (*self.names, *(_numbered(index) for index in missing))
        return names if len(names) == count else None


def given_names(value: Any) -> GivenNames | None:
    """Return the names in a list, or in a mapping from class indices or to them; None if the value gives none.

    Args:
        value: What a file says. Names that are missing or empty are numbered; of equal ones the later get a number.
    """
    indexed = isinstance(value, Mapping)
    listed = _by_index(value) if isinstance(value, Mapping) else value
    if not isinstance(listed, list | tuple) or not 0 < len(listed) <= MOST:
        return None
    if not all(name is None or isinstance(name, str | int | float) for name in listed):
        return None
    texts = ["" if name is None else str(name).strip() for name in listed]
    if not any(texts) or all(PLACEHOLDER.fullmatch(text) or not text for text in texts):
        return None
    names, notes = _distinct(texts)
    return GivenNames(names, indexed, notes)


def names_among(stated: Iterable[Stated]) -> tuple[GivenNames, ...]:
    """Return the names of classes that a training script left beside the weights, the outer groups' first.

    Args:
        stated: What the file says. A single word or a number is no list of names.
    """
    keys = [key.lower() for key in (*KEYS, *LISTS)]
    listed = [one for one in stated if one.key in keys and isinstance(one.value, list | tuple | Mapping)]
    ordered = sorted(listed, key=lambda one: (one.group.count("."), one.group != "", keys.index(one.key)))
    found = [
        replace(given, maybe=one.key not in KEYS_LOWER)
        for one in ordered
        if one.key in KEYS_LOWER or all(isinstance(name, str) for name in one.value)
        if (given := given_names(one.value)) is not None
    ]
    return tuple(dict.fromkeys(found))


def _by_index(value: Mapping[Any, Any]) -> list[Any] | None:
    indices = {str(key): name for key, name in value.items()}
    if not all(map(str.isdecimal, indices)) and all(type(index) is int for index in value.values()):
        indices = {str(index): name for name, index in value.items()}  # names with their indices
        if len(indices) < len(value):
            return None
    if not indices or not all(key.isdecimal() and int(key) < MOST for key in indices):
        return None
    return [indices.get(str(index)) for index in range(max(map(int, indices)) + 1)]


def _distinct(texts: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return different names, and what was changed."""
    taken = {text for text in texts if text}
    seen: set[str] = set()
    names: list[str] = []
    notes: list[str] = []
    for index, text in enumerate(texts):
        name = text or _numbered(index)
        number = 2
        while name in seen or (name in taken and name != text):
            name, number = f"{text or _numbered(index)} {number}", number + 1
        if not text:
            notes.append(f"class {index} has no name: it is called '{name}'")
        elif name != text:
            notes.append(f"several classes are called '{text}': class {index} is '{name}'")
        seen.add(name)
        names.append(name)
    return tuple(names), tuple(notes)


def _numbered(index: int) -> str:
    return f"class {index}"
