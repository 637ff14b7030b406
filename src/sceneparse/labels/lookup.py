"""Find a class by what a person calls it."""

import difflib
from collections.abc import Sequence

import numpy as np

from sceneparse.errors import UserError, counted, some
from sceneparse.labels.space import LabelSpace

NEAR = 3
"""So many names are named that are like one that there is not."""


def class_index(space: LabelSpace, wanted: object) -> int:
    """Return the index of a class.

    Args:
        space: The classes.
        wanted: A name, whose case counts only where two names differ in nothing else, or an index.

    Raises:
        UserError: No class or several are called so, or there is no such index.
    """
    if isinstance(wanted, int | np.integer) and not isinstance(wanted, bool):
        index = int(wanted)
        if not 0 <= index < len(space):
            raise UserError(f"class {index} is not there: {counted(len(space), 'class', 'classes')}, counted from 0")
        return index
    if not isinstance(wanted, str):
        raise UserError(f"a class is a name or an index, not a {type(wanted).__name__}")
    if wanted in space.names:
        return space.names.index(wanted)
    folded = [name.casefold().strip() for name in space.names]
    found = [index for index, name in enumerate(folded) if name == wanted.casefold().strip()]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(
            f"class '{wanted}' could be {_listed([space.names[index] for index in found])}: give one of them"
        )
    raise UserError(f"no class '{wanted}'{_nearest(wanted, space.names, folded)}")


def _nearest(wanted: str, names: Sequence[str], folded: Sequence[str]) -> str:
    key = wanted.casefold().strip()
    near = [names[folded.index(one)] for one in difflib.get_close_matches(key, folded, n=NEAR)]
    near += [name for name, one in zip(names, folded, strict=True) if key and key in one and name not in near]
    if near:
        return f"; did you mean {_listed(near[:NEAR])}?"
    return f"; the classes are {some(names, 8)}"


def _listed(names: Sequence[str]) -> str:
    *others, last = [f"'{name}'" for name in names]
    return f"{', '.join(others)} or {last}" if others else last
