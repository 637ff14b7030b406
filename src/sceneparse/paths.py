"""Paths as people write them, and names that a disk, or somebody who types, takes for one another."""

import difflib
import os
import secrets
import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from sceneparse.errors import UserError


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return a path with the user's home folder for a "~" that is its first part.

    Any other name that begins so ("~old", "~$report.jpg") is a file's own; as another user's home it is not taken.
    """
    given = Path(path)
    if given.parts[:1] != ("~",):
        return given
    try:
        return given.expanduser()
    except RuntimeError:  # nobody knows where it is
        return given


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
        path: The path, of which the folder around it may be there.
    """
    given = expanded(path)
    try:
        with os.scandir(given.parent) as entries:
            names = [entry.name for entry in islice(entries, LISTED) if not entry.name.startswith(".")]
    except OSError:
        return ""
    near = difflib.get_close_matches(given.name, names, n=1, cutoff=0.7)
    return f"; did you mean {given.with_name(near[0])}?" if near else ""
