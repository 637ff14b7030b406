"""Files that a pattern stands for, and names that are unique among the outputs of a run."""

from collections import Counter
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from sceneparse.pictures.finding import is_hidden


def fixed_folder(pattern: Path) -> Path:
    """Return the folders of a pattern before its first `*`, `?` or `[…]`; of a plain path itself."""
    names = takewhile(lambda name: not any(sign in name for sign in "*?["), pattern.parts)
    return Path(*names)


def files_matching(pattern: Path) -> list[Path] | None:
    """Return what a pattern with `*`, `?`, `[…]` or `**` matches, sorted; None for a plain path.

    What is hidden, or kept by a system, is left out unless the pattern names it.
    """
    fixed = len(fixed_folder(pattern).parts)
    if fixed == len(pattern.parts):
        return None
    found = sorted(Path(*pattern.parts[:fixed]).glob("/".join(pattern.parts[fixed:])))
    return [path for path in found if not any(map(is_hidden, {*path.parts[fixed:]} - {*pattern.parts}))]


def short_names(below: Sequence[str]) -> list[str]:
    """Return the names of outputs: those of the inputs without their folders, or with these where several share one.

    So an input that comes before others in the folder changes no name of theirs, but of one that it shares.

    Args:
        below: The inputs' paths below the folder or pattern that holds them, without suffixes, with "/".
    """
    counts, taken = Counter(path.rpartition("/")[2] for path in below), set[str]()
    stems = [(path, path.rpartition("/")[2]) for path in below]
    return [unique_name(path if counts[stem] > 1 else stem, taken) for path, stem in stems]


def unique_name(stem: str, taken: set[str]) -> str:
    """Return a name that isn't taken, and take it: the stem, or with "-2", "-3", … at its end."""
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name)
    return name
