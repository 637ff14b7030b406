"""Paths as people write them, and names that a disk, or somebody who types, takes for one another."""

import difflib
import os
import re
import secrets
import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from sceneparse.errors import UserError


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return a path with a home folder for the "~" or "~user" that is its first part, as a shell expands them.

    A file that is really called "~" is reached as "./~". Where there is no such user, or something of that very name
    lies here ("~old", "~$report.jpg"), the name is a file's own.

    Args:
        path: As it was typed. Of "./~", whose first part pathlib drops, the absolute path is returned, so that it may
            be expanded again.
    """
    text = os.fspath(path)
    given = Path(text)
    home = _home(given.parts[0]) if given.parts else None
    if home is None:
        return given
    return home.joinpath(*given.parts[1:]) if text.startswith("~") else Path.cwd() / given


def expanded_text(text: str) -> str:
    """Return what may be a path, a name or an address, with a home folder in it as in `expanded`, else as it is."""
    found = expanded(text)
    return text if found == Path(text) else str(found)


def expanded_source(source: str | Path) -> str | Path:
    """Return what a call is given for a file, a folder or a name, with a home folder in it as in `expanded`.

    Args:
        source: A text, which may be a name or an address, stays a text, and a path a path.
    """
    return expanded_text(source) if isinstance(source, str) else expanded(source)


def written_as_path(text: str) -> bool:
    """Return whether a text has a form that a path has and no name of a hub: "./a", "/a", "C:/a", "a/" or "a/b/c"."""
    starts = re.match(r"[./~\\]|[A-Za-z]:[\\/]", text) is not None
    return starts or "\\" in text or text.endswith("/") or text.count("/") > 1


def _home(name: str) -> Path | None:
    """Return the home folder that a path's first part stands for; None if it stands for none."""
    # Not Path's own questions, which fail where a name is too long for any file.
    if not name.startswith("~") or (name != "~" and os.path.lexists(name)):
        return None
    try:
        home = Path(name).expanduser()
    except (RuntimeError, ValueError):  # there is no such user, or nobody knows where the folder is
        return None
    # Windows makes a folder up for a user that there is not.
    return home if name == "~" or os.path.isdir(home) else None  # noqa: PTH112


def folds_case(folder: Path) -> bool:
    """Return whether names that differ in case alone are one name in a folder, as on most disks of macOS and Windows.

    Args:
        folder: It, or the one that it will be made in, is tried with an empty file.
    """
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    probe = folder / f".case-{secrets.token_hex(8)}a"
    try:
        probe.touch(exist_ok=False)
    except OSError:
        return False  # that nothing can be written there is said when it is
    try:
        return probe.with_name(probe.name.upper()).exists()
    finally:
        with suppress(OSError):
            probe.unlink()


def refuse_folded(names: Iterable[str], folder: Path) -> None:
    """Refuse names that differ in case alone, where a folder's disk would write one file over the other.

    Args:
        names: What files in it will be called, without suffixes.
        folder: The folder, which need not be there.

    Raises:
        UserError: There are such names, and the disk does not tell them apart.
    """
    if not folds_case(folder):
        return
    taken: dict[str, str] = {}
    for name in names:
        if (other := taken.setdefault(unicodedata.normalize("NFC", name).casefold(), name)) != name:
            raise UserError(
                f"{folder}: '{other}' and '{name}' differ in case alone, and the disk would write one over the other: "
                "rename one of the two pictures, or choose a folder on a disk that tells them apart"
            )


def refuse_parted(inputs: Sequence[str | Path]) -> None:
    """Refuse the words of a name with blanks that stands without quotes: a shell makes several inputs of it.

    Args:
        inputs: What was named, one after another.

    Raises:
        UserError: One of them is not there, but with those that follow it, blanks between them, is.
    """
    for start, given in enumerate(inputs):
        # Not Path's own question, which fails where a name is too long for any file.
        if os.path.exists(expanded(given)):  # noqa: PTH110
            continue
        whole = str(given)
        for following in inputs[start + 1 : start + WORDS]:
            whole += f" {following}"
            if os.path.exists(expanded(whole)):  # noqa: PTH110
                raise UserError(
                    f"{given}: no such file or folder; a name with blanks stands in quotes: {shlex.quote(whole)}"
                )


WORDS = 20
"""Words of a name with blanks at most that are put together."""

LISTED = 5000
"""Files of a folder at most among which a name is looked for that was meant."""


def meant(path: str | Path) -> str:
    """Say what a path that there is not is likely to mean: the end of a message; empty where nothing is like it.

    Args:
        path: The path, of whose names any may be mistyped.
    """
    found = _nearest(expanded(path))
    return "" if found is None else f"; did you mean {found}?"


def _nearest(path: Path) -> Path | None:
    """The path that is there and most like one that is not; None where none is like it."""
    folder, missing = path.parent, [path.name]
    # Not Path's own question, which fails where a name is too long for any file.
    while not os.path.isdir(folder) and folder != folder.parent:  # noqa: PTH112
        folder, missing = folder.parent, [folder.name, *missing]
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in islice(entries, LISTED) if not entry.name.startswith(".")]
    except OSError:
        return None
    # Nobody who mistypes a name is sure of its case.
    folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(missing[0].casefold(), folded, n=1, cutoff=0.7)
    if not near or folded[near[0]] == missing[0]:
        return None
    found = folder.joinpath(folded[near[0]], *missing[1:])
    return found if os.path.exists(found) else _nearest(found)  # noqa: PTH110
