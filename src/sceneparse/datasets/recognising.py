"""Name the kind of a data set by what lies in its folder."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sceneparse.datasets.folder import found_in
from sceneparse.datasets.kinds import KINDS
from sceneparse.errors import UserError
from sceneparse.pictures.forms import PICTURE_SUFFIXES, UNREAD_SUFFIXES

GENERAL = ("folder", "huggingface")
"""Kinds that stand for whatever is laid out like them: another kind that fits says more."""


@dataclass(frozen=True)
class Recognised:
    """The kind that a folder was recognised as.

    Args:
        root: The folder.
        kind: Its kind.
        evidence: What in it speaks for the kind.
        others: Other kinds that fit too, and what speaks for each.
    """

    root: Path
    kind: str
    evidence: str
    others: tuple[tuple[str, str], ...] = ()

    def describe(self) -> str:
        """Return a line that names the kind, and how to name another one that fits too."""
        line = f"kind: {self.kind} ({self.evidence})"
        if not self.others:
            return line
        fit = "; ".join(f"{kind} ({evidence})" for kind, evidence in self.others)
        return f"{line}; what fits too: {fit}: name it with --kind {self.others[0][0]}"


def recognise(root: Path) -> Recognised:
    """Return the kind that a data set's folder has the look of. Folders are listed, small files read, no picture.

    Where several kinds fit the first in the order of the table is taken, general ones last.

    Args:
        root: The folder.

    Raises:
        UserError: It is no folder, or no kind fits; the message says what is there, and what would help.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; name the data set's folder")
    found = kinds_that_fit(root)
    if not found:
        raise UserError(
            f"{root}: no kind of data set is recognised here; found {found_in(root)}. {_help(root)} If it is of a kind "
            "that 'sceneparse data list' knows, name it with --kind KIND"
        )
    kind, evidence = found[0]
    return Recognised(root, kind, evidence, tuple(found[1:]))


def kinds_that_fit(root: Path) -> list[tuple[str, str]]:
    """Return the kinds that a folder has the look of, the likeliest first, and what speaks for each."""
    found = []
    for name, kind in KINDS.usable():
        evidence = None if kind.recognise is None else kind.recognise(root)
        if evidence is not None:
            found.append((name, evidence))
    special = [one for one in found if one[0] not in GENERAL]
    # What lies in a general layout lies so in a special one as well, which is no second reading.
    return special or found


def _help(root: Path) -> str:
    """What would help, in a sentence, by what kinds of files there are."""
    # The first of them say enough; a wrong folder may hold millions.
    below = (path for depth in ("*", "*/*", "*/*/*") for path in root.glob(depth))
    suffixes = {path.suffix.lower() for path in islice(below, 2000) if path.is_file()}
    if suffixes & {".zip", ".tar", ".gz", ".tgz"}:
        return "Unpack the archive first."
    if unread := sorted(suffixes & UNREAD_SUFFIXES):
        return f"There are picture files whose format isn't read ({', '.join(unread)}): save them as PNG, JPEG or TIFF."
    if suffixes & PICTURE_SUFFIXES:
        return (
            "There are pictures, but no masks that belong to them: put pictures into images/ and masks of the same "
            "names into masks/, with a classes.json beside them, or name masks NAME_mask.png beside NAME.jpg."
        )
    if not suffixes:
        return "Name the folder in which the pictures and their masks or annotations lie."
    return f"There are no pictures, but files {', '.join(sorted(s or 'without suffix' for s in suffixes)[:5])}."
