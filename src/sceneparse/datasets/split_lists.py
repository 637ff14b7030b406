"""Splits of one's own pictures by lists of names: train.txt and val.txt beside images/ and masks/."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from sceneparse.datasets.layout import Listings, Note
from sceneparse.datasets.matching import Listing, SplitFolders, list_pairs, same_name
from sceneparse.datasets.subsets import ROLES
from sceneparse.errors import UserError, counted, reason_of

FOLDERS = ("", "splits", "split", "lists", "ImageSets", "ImageSets/Segmentation")
"""Where lists lie, below the data set's folder."""

_NAMES = {name for names in ROLES.values() for name in names}


class Listed(NamedTuple):
    """A name in a list: what the line says, and where it stands."""

    text: str
    where: str


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
            text = f"the lists of splits ({named}) are not read: {why}; write the pictures' names, one a line, into "
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

    def _key(self, line: Listed) -> str | None:
        """The name of the picture that a line means: itself, its first column, or their ends behind a folder."""
        for text in (line.text, *line.text.replace(",", " ").replace("\t", " ").split(" ")[:1]):
            path = PurePosixPath(same_name(text.strip("\"'").replace("\\", "/")))
            for first in range(len(path.parts) if path.name else 0):
                below = "/".join(path.parts[first:])
                for name in (below, str(PurePosixPath(below).with_suffix(""))):
                    if name in self._pictures:
                        return name
        return None

    def _listing(self, split: SplitFolders) -> Listing:
        chosen = set()
        for line in _lines(self._files[split.name]):
            key = self._key(line)
            if key is None:
                raise UserError(
                    f"{line.where}: lists '{line.text}', but there is no such picture in {split.images}; take the line "
                    "away, or put the picture there"
                )
            chosen.add(key)
        paths = {self._pictures[key] for key in chosen}
        found = self._all
        return replace(
            found,
            pairs=tuple(pair for pair in found.pairs if pair.image in paths),
            without_mask=tuple(path for path in found.without_mask if path in paths),
            without_picture=(),
        )


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
