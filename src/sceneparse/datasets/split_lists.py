"""Splits of one's own pictures by lists of names: train.txt and val.txt beside images/ and masks/."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from sceneparse.datasets.layout import Listings, Note
from sceneparse.datasets.matching import Listing, SplitFolders, list_pairs, same_name
from sceneparse.datasets.subsets import ROLES
from sceneparse.errors import UserError, counted, reason_of
from sceneparse.pictures.forms import PICTURE_SUFFIXES

FOLDERS = ("", "splits", "split", "lists", "ImageSets", "ImageSets/Segmentation")
"""Where lists lie, below the data set's folder."""

_NAMES = {name for names in ROLES.values() for name in names}


class Listed(NamedTuple):
    """A name in a list: what the line says, and where it stands."""

    text: str
    where: str


class _Meant(NamedTuple):
    """What a line means: a picture's name, and the path that the line gives of it, without its suffix."""

    key: str
    path: tuple[str, ...]


class SplitLists:
    """The lists that lie beside pictures and masks.

    Args:
        root: The data set's folder.
        whole: Its pictures and masks.
    """

    def __init__(self, root: Path, whole: SplitFolders) -> None:
        self._root, self._whole = root, whole
        self._files = _files(root)

    def __bool__(self) -> bool:
        """Whether lists name pictures that there are, those to train on among them."""
        return self._trains and any(
            self._key(line) is not None for file in self._files.values() for line in _lines(file)
        )

    @property
    def folders(self) -> dict[str, SplitFolders]:
        """Where each split's pictures and masks lie: all in the same folders."""
        return {name: replace(self._whole, name=name) for name in self._files}

    def listings(self) -> Listings:
        """Return what each split holds."""
        return Listings(self.folders, self._listing)

    def notes(self) -> tuple[Note, ...]:
        """Return what is to be said of the lists."""
        named = " and ".join(path.relative_to(self._root).as_posix() for path in self._files.values())
        if not self._files:
            return ()
        if not self:
            why = "they name no picture that is there" if self._trains else "none of them is for training"
            names = "names"
            if self._trains and any(self._several(line) for file in self._files.values() for line in _lines(file)):
                why, names = "each name is one of several pictures in different folders", "folders and names"
            text = f"the lists of splits ({named}) are not read: {why}; write the pictures' {names}, one a line, into "
            return (Note("warning", "lists-unread", f"{text}train.txt and val.txt"),)
        known = {self._key(line) for file in self._files.values() for line in _lines(file)}
        left = len(self._pictures.keys() - known)
        others = f"; left out, since no list names them: {counted(left, 'picture')}" if left else ""
        return (Note("note", "lists", f"the splits are those of {named}{others}"),)

    @property
    def _trains(self) -> bool:
        return any(name.lower() in ROLES["train"] for name in self._files)

    @cached_property
    def _all(self) -> Listing:
        return list_pairs(self._whole)

    @cached_property
    def _pictures(self) -> dict[str, Path]:
        """All pictures by their names, as lists may have them."""
        images = self._whole.images
        alone = {path.relative_to(images).with_suffix("").as_posix(): path for path in self._all.without_mask}
        return {same_name(name): path for name, path in alone.items()} | {
            same_name(pair.name): pair.image for pair in self._all.pairs
        }

    @cached_property
    def _in_names(self) -> frozenset[str]:
        """Which of blank and comma are a part of some picture's name, so that none can be taken for a name's end."""
        return frozenset(sign for sign in " ," if any(sign in name for name in self._pictures))

    @cached_property
    def _by_file(self) -> dict[str, list[str]]:
        """The names of pictures by what is behind their last folder."""
        found: dict[str, list[str]] = {}
        for name in self._pictures:
            found.setdefault(name.rpartition("/")[2], []).append(name)
        return found

    def _key(self, line: Listed) -> str | None:
        meant = self._meant(line)
        return None if meant is None else meant.key

    def _meant(self, line: Listed) -> _Meant | None:
        """The picture that a line means: by all of it or its first column, or by the end of these behind a folder."""
        columns = (line.text, _first_column(line.text, self._in_names), _before_blank(line.text, self._in_names))
        for text in dict.fromkeys(column for column in columns if column):
            parts = PurePosixPath(same_name(text.strip("\"'").replace("\\", "/"))).parts
            for first in range(len(parts)):
                below = "/".join(parts[first:])
                for name in (below, _bare(below)):
                    if name in self._pictures:
                        return self._found(name, parts[:first])
            # A file's name without its folder, where no other folder has one of that name.
            alike = self._by_file.get(_bare(parts[0]), []) if len(parts) == 1 else []
            if len(alike) == 1:
                return self._found(alike[0], ())
        return None

    def _found(self, name: str, above: tuple[str, ...]) -> _Meant:
        """A picture by its name, behind folders that the line has above it: these are the folder's own, or unknown."""
        known = bool(above) and above[-1] in (self._whole.images.name, self._whole.masks.name)
        return _Meant(name, (*(() if known else above), *name.split("/")))

    @cached_property
    def _lines_of(self) -> dict[str, list[tuple[Listed, _Meant]]]:
        """The lines of all lists that mean a picture, by its name; of equal ones the first."""
        found: dict[str, list[tuple[Listed, _Meant]]] = {}
        for file in self._files.values():
            for line in _lines(file):
                meant = self._meant(line)
                if meant is not None and all(meant != other for _, other in found.get(meant.key, ())):
                    found.setdefault(meant.key, []).append((line, meant))
        return found

    def _listing(self, split: SplitFolders) -> Listing:
        chosen = set()
        for line in _lines(self._files[split.name]):
            meant = self._meant(line)
            if meant is None:
                raise UserError(f"{line.where}: lists '{line.text}', but {self._why_not(line, split)}")
            for other, theirs in self._lines_of[meant.key]:
                if not _ends_alike(meant.path, theirs.path):
                    raise UserError(
                        f"{line.where}: lists '{line.text}', and {other.where} '{other.text}': these are two pictures, "
                        f"but {self._pictures[meant.key]} is all that there is of both; put the pictures into the "
                        f"folders that the lists give, below {split.images}"
                    )
            chosen.add(meant.key)
        paths = {self._pictures[key] for key in chosen}
        found = self._all
        return replace(
            found,
            pairs=tuple(pair for pair in found.pairs if pair.image in paths),
            without_mask=tuple(path for path in found.without_mask if path in paths),
            without_picture=(),
        )

    def _several(self, line: Listed) -> list[str]:
        """The pictures, two at least, that a line without a folder could mean; empty where it is none or one."""
        alike = self._by_file.get(_bare(same_name(line.text)), [])
        return alike if len(alike) > 1 else []

    def _why_not(self, line: Listed, split: SplitFolders) -> str:
        """Why a line means no picture, and what to do."""
        if alike := self._several(line):
            return f"it could be {alike[0]} or {alike[1]} in {split.images}; write the folder before the name"
        columns = "; columns behind a name with blanks are parted by tabs" if " " in line.text else ""
        return f"there is no such picture in {split.images}; take the line away, or put the picture there{columns}"


def _bare(path: str) -> str:
    """A path without a picture's suffix; what is behind another point belongs to the name ("v1.3")."""
    before, point, suffix = path.rpartition(".")
    return before if before and f"{point}{suffix}".lower() in PICTURE_SUFFIXES else path


def _is_file(text: str) -> bool:
    return _bare(text) != text


def _first_column(text: str, in_names: Collection[str]) -> str:
    """What stands in quotes at a line's beginning, or before its first tab or comma; empty where there is neither.

    Args:
        text: The line.
        in_names: Of blank and comma those that pictures have in their names.
    """
    quoted = re.match(r"([\"'])(.+?)\1(?=[\s,]|$)", text)
    if quoted:
        return quoted[2]
    if "\t" in text:
        return text.partition("\t")[0].strip()
    first, _, rest = (part.strip() for part in text.partition(","))
    # "a,b.jpg" is a file's name, "a,a.png" a picture and its mask.
    name = PurePosixPath(first).name
    columns = "," not in in_names and (not _is_file(rest) or name in PurePosixPath(rest).name)
    return first if _is_file(first) or columns else ""


def _before_blank(text: str, in_names: Collection[str]) -> str:
    """What stands before a line's first blank, where that can only be a name's end; else empty.

    Names with blanks ("IMG_2 (2).jpg") of which the picture is missing must not become another picture's ("IMG_2").

    Args:
        text: The line.
        in_names: Of blank and comma those that pictures have in their names.
    """
    first, *others = text.split()
    if not others or "\t" in text:
        return ""
    if _is_file(first):
        return first
    if " " in in_names:
        return ""
    # VOC's lists of a class say 1, 0 or -1 behind a name; others have the mask's path there.
    said = all(other in ("-1", "0", "1") for other in others)
    one, *more = (PurePosixPath(column.replace("\\", "/")) for column in (first, *others))
    paths = len(one.parts) > 1 and all(len(path.parts) > 1 and one.name in path.name for path in more)
    return first if said or paths else ""


def _ends_alike(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether two paths are one as far as both go, from their ends."""
    length = min(len(one), len(other))
    return one[-length:] == other[-length:]


def _files(root: Path) -> dict[str, Path]:
    """The lists of the first folder that has some, by the split's name."""
    for folder in FOLDERS:
        if (root / folder).is_dir():
            files = {path.stem: path for path in sorted((root / folder).glob("*.txt")) if path.stem.lower() in _NAMES}
            if files:
                return files
    return {}


def _lines(path: Path) -> Iterator[Listed]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({reason_of(error)})") from None
    for number, line in enumerate(lines, 1):
        if text := line.strip():
            yield Listed(text, f"{path}:{number}")
