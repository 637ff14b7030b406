"""Files that a pattern stands for, and names that are unique among the outputs of a run."""

from pathlib import Path

from sceneparse.pictures.finding import is_hidden


def files_matching(pattern: Path) -> list[Path] | None:
    """Return what a pattern with `*`, `?`, `[…]` or `**` matches, sorted; None for a plain path.

    What is hidden, or kept by a system, is left out unless the pattern names it.
    """
    wild = [any(sign in name for sign in "*?[") for name in pattern.parts]
    if not any(wild):
        return None
    fixed = wild.index(True)
    found = sorted(Path(*pattern.parts[:fixed]).glob("/".join(pattern.parts[fixed:])))
    return [path for path in found if not any(map(is_hidden, {*path.parts[fixed:]} - {*pattern.parts}))]


def unique_name(stem: str, taken: set[str]) -> str:
    """Return a name that isn't taken, and take it: the stem, or with "-2", "-3", … at its end."""
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name)
    return name
