"""Name the kind of a data set by what lies in its folder."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sceneparse.arguments import argument
from sceneparse.datasets.exported import exported
from sceneparse.datasets.file_as_root import ARCHIVES, refuse_file
from sceneparse.datasets.folder import found_in
from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.layout import CLASSES
from sceneparse.errors import OtherKindError, UserError
from sceneparse.labels.named_otherwise import named_otherwise
from sceneparse.paths import meant
from sceneparse.pictures.finding import is_hidden
from sceneparse.pictures.forms import PICTURE_SUFFIXES, UNREAD_SUFFIXES
from sceneparse.settings import DataSettings

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
        return f"{line}; what fits too: {fit}: name it with {argument('kind', self.others[0][0])}"


def recognise(root: Path) -> Recognised:
    """Return the kind that a data set's folder has the look of. Folders are listed, small files read, no picture.

    Where several kinds fit the first in the order of the table is taken, general ones last.

    Args:
        root: The folder.

    Raises:
        UserError: It is no folder, or no kind fits; the message says what is there, and what would help.
    """
    refuse_file(root)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; name the data set's folder{meant(root)}")
    found = kinds_that_fit(root)
    if not found:
        raise UserError(
            f"{root}: no kind of data set is recognised here; found {found_in(root)}. {_help(root)} If it is of a kind "
            f"that 'sceneparse data list' knows, name it with {argument('kind', 'KIND')}"
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


def special_kind(root: Path) -> tuple[str, str] | None:
    """Return the likeliest kind that says more of a folder than a general one, and what speaks for it."""
    return next((one for one in kinds_that_fit(root) if one[0] not in GENERAL), None)


def other_reading(root: Path, *, named: bool) -> str:
    """Say what a folder of pictures and masks without a `classes.json` and of no special kind is rather, else nothing.

    Args:
        root: The folder.
        named: Whether the error about `classes.json` already says what to write into it.
    """
    if (ours := exported(root)) is not None:
        return (
            f"It is what `data export --as {ours.form}` wrote, which no kind reads back: export it again, such as "
            "--as folder."
        )
    if elsewhere := further_down(root) or further_up(root):
        return elsewhere
    if named or named_otherwise(root / CLASSES):  # which the error about classes.json says
        return ""
    files = _below(root)
    if any(path.suffix.lower() in ARCHIVES for path in files):
        return "If the masks are in an archive, unpack it first."
    return _unread_form(files)


def taken_for_folder(settings: DataSettings) -> str:
    """Say that a data set of another kind is read as kind `folder`, whose layout it shares; empty where none is.

    Args:
        settings: The data that are trained on.
    """
    if settings.kind != "folder" or settings.root is None:
        return ""
    special = special_kind(Path(settings.root))
    if special is None:
        return ""
    kind, evidence = special
    if kind == "geotiff":
        return (
            f"{settings.root}: {evidence}, read as a picture (kind folder); `data check` takes the folder to be of "
            "kind geotiff, which ignores pixels without data, compares where masks lie and cuts rasters into tiles: "
            f"{argument('data.kind', 'geotiff')}"
        )
    return (
        f"{settings.root}: read as kind folder, with its classes as they are; `data check` takes it to be of kind "
        f"{kind} ({evidence}), unless told otherwise ({argument('kind', 'folder')}): {argument('data.kind', kind)}"
    )


LOOKED_AT = 2000
"""Files that say enough of what a folder holds; a wrong one may hold millions."""

FOLDERS = 48
"""Folders that are looked at for a data set further down."""


LEVELS_UP = 2
"""Folders around one that are looked at for a data set: train/images/ lies two below it."""


def _below(root: Path) -> list[Path]:
    """Files of a folder and of those below it, the first of them."""
    below = (path for depth in ("*", "*/*", "*/*/*", "*/*/*/*") for path in root.glob(depth))
    files = (path for path in islice(below, LOOKED_AT) if path.is_file())
    return [path for path in files if not any(map(is_hidden, path.relative_to(root).parts))]


def further_down(root: Path) -> str:
    """Name a folder further down that has the look of a data set; empty where none has.

    Archives are often unpacked into a folder of their own, with the export's folder in it.
    """
    folders = sorted(path for depth in ("*", "*/*") for path in islice(root.glob(depth), LOOKED_AT) if path.is_dir())
    visible = [one for one in folders if not any(map(is_hidden, one.relative_to(root).parts))]
    for folder in visible[:FOLDERS]:
        try:
            fits = kinds_that_fit(folder)
        except OSError:  # what lies around may be nobody's to read, or be gone by now
            continue
        for kind, evidence in fits:
            if kind not in GENERAL or (kind == "folder" and (folder / CLASSES).is_file()):
                return f"{folder} looks like kind {kind} ({evidence}): name that folder."
            if kind == "folder" and (root / CLASSES).is_file():
                copied = f"copy {root / CLASSES} into it"
                return f"{folder} looks like kind {kind} ({evidence}): {copied}, and name that folder."
    return ""


def further_up(root: Path) -> str:
    """Name the folder around one, or the one around that, that has the look of a data set; empty where neither has.

    Args:
        root: Such as the pictures of a data set, or one of its splits.
    """
    whole = Path(os.path.abspath(root))  # noqa: PTH100 - `resolve` would leave the folders that a link stands in
    for level, folder in enumerate(whole.parents[:LEVELS_UP]):
        if folder == folder.parent:
            break
        for kind, evidence in kinds_that_fit(folder):
            if kind not in GENERAL or (kind == "folder" and (folder / CLASSES).is_file()):
                as_given = len(root.parts) > level + 1 and ".." not in root.parts
                shown = root.parents[level] if as_given else folder
                return f"{shown} looks like kind {kind} ({evidence}): name that folder."
    return ""


def _unread_form(files: Sequence[Path]) -> str:
    """Say that annotation is of a form that isn't read, and what to export in its place; empty where there is none."""
    suffixes = {path.suffix.lower() for path in files}
    instead = "export COCO JSON with outlines, or segmentation masks, in its place"
    if any(path.suffix.lower() == ".txt" and path.parent.name == "labels" for path in files) or any(
        path.suffix.lower() == ".txt" and path.parent.parent.name == "labels" for path in files
    ):
        return f"The text files in labels/, as YOLO has them, aren't read: {instead}."
    if ".xml" in suffixes:
        return f"XML files, as PASCAL VOC has them for boxes and CVAT for pictures, aren't read: {instead}."
    tools = {path.suffix.lower() for path in files if path.name != "classes.json"}
    if tools & {".json", ".jsonl", ".ndjson"} and suffixes & PICTURE_SUFFIXES:
        return f"The JSON files are of no form that is read: {instead}."
    return ""


def layout_error(wrong: str, root: Path, kind: str) -> UserError:
    """The error that a folder has another layout, with what it, or one further down or up, has the look of.

    Args:
        wrong: What was expected and what is there.
        root: The folder.
        kind: The kind that it is read as.
    """
    fits = kinds_that_fit(root)
    if fits and kind not in dict(fits):
        other, evidence = fits[0]
        looks = f"looks like kind {other} ({evidence})"
        return OtherKindError(f"{wrong}; it {looks}", other, f"{root} {looks}")
    if inside := further_down(root):
        return UserError(f"{wrong}; {inside.removesuffix('.')}")
    # Photos may lie beside a data set that they have nothing to do with.
    said = f"{wrong}; {around.removesuffix('.')}" if (around := further_up(root)) else wrong
    return UserError(f"{said}. {parse}" if (parse := to_parse(root)) else said)


def to_parse(root: Path) -> str:
    """Say how pictures are parsed that have no masks; empty where a folder holds no pictures.

    Args:
        root: The folder.
    """
    if not any(path.suffix.lower() in PICTURE_SUFFIXES for path in _below(root)):
        return ""
    command = argument("sceneparse.load", option=f"sceneparse predict MODEL {shlex.quote(str(root))} --out DIR")
    return f"To parse pictures that have no masks: `{command}`"


def _help(root: Path) -> str:
    """What would help, in a sentence, by what there is."""
    files = _below(root)
    suffixes = {path.suffix.lower() for path in files}
    if inside := further_down(root):
        return inside
    if around := further_up(root):
        # Photos may lie beside a data set that they have nothing to do with.
        return f"{around} {parse}." if (parse := to_parse(root)) else around
    if suffixes & ARCHIVES:
        return "Unpack the archive first."
    if unread := sorted(suffixes & UNREAD_SUFFIXES):
        return f"There are picture files whose format isn't read ({', '.join(unread)}): save them as PNG, JPEG or TIFF."
    if other := _unread_form(files):
        return other
    if suffixes & PICTURE_SUFFIXES:
        return (
            "There are pictures, but no masks that belong to them: put pictures into images/ and masks of the same "
            "names into masks/, with a classes.json beside them, or name masks NAME_mask.png beside NAME.jpg. "
            f"{to_parse(root)}."
        )
    if not suffixes:
        return "Name the folder in which the pictures and their masks or annotations lie."
    return f"There are no pictures, but files {', '.join(sorted(s or 'without suffix' for s in suffixes)[:5])}."
