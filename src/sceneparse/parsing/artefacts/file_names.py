"""Name the files of a picture's parse, and refuse pictures whose files would overwrite each other."""

import re
from collections.abc import Callable, Iterable, Sequence

from sceneparse.errors import UserError
from sceneparse.parsing.artefacts.table import ARTEFACTS


def stem_of(name: str) -> str:
    """Return the name of the files of a picture's parse, without suffixes.

    A picture "summary" must leave summary.json to the run, and is called "summary-picture"; a picture of that name,
    "summary-picture-picture".
    """
    return f"{name}-picture" if re.fullmatch("summary(-picture)*", name.lower()) else name


def files_of(name: str, write: Iterable[str]) -> list[str]:
    """Return all files that a picture's parse may be written to.

    Args:
        name: The picture's name.
        write: The artefacts' names.
    """
    suffixes = [suffix for artefact in write for suffix in ARTEFACTS[artefact].suffixes]
    return [f"{stem_of(name)}{suffix}" for suffix in (*suffixes, ".json")]


def refuse_collisions(pictures: Callable[[], Iterable[tuple[str, str]]], write: Sequence[str]) -> None:
    """Refuse pictures of which one's file would overwrite another's.

    The label map of a picture "x_parts" and the parts of a picture "x" would both be x_parts.png. Pictures are gone
    through once, or twice if there is a name that can collide; those that can't are not kept in memory.

    Args:
        pictures: Gives the names and what messages call the pictures, anew each time.
        write: The artefacts' names.

    Raises:
        UserError: There are such pictures.
    """
    suffixes = {**{name: ARTEFACTS[name].suffix for name in write}, "JSON": ".json"}
    pairs = {
        long[: -len(short)]: (one, other)
        for one, long in suffixes.items()
        for other, short in suffixes.items()
        if long != short and long.endswith(short)
    }
    if not pairs:
        return
    candidates = {
        (stem_of(name)[: -len(extra)], extra): shown
        for name, shown in pictures()
        for extra in pairs
        if stem_of(name).endswith(extra)
    }
    if not candidates:
        return
    for name, shown in pictures():
        for extra, (one, other) in pairs.items():
            if victim := candidates.get((stem_of(name), extra)):
                raise UserError(
                    f"{victim}: its {other} and the {one} of {shown} would both be written to "
                    f"{stem_of(name)}{suffixes[one]}; rename one of the two, or parse them into different folders"
                )
