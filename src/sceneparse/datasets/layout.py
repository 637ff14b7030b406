"""What lies on disk of a data set of pictures and masks: its splits, its classes, and what was assumed of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sceneparse.arguments import argument
from sceneparse.datasets.matching import Listing, SplitFolders, list_pairs
from sceneparse.datasets.pairs import ListedPictures, Truth, refuse_unpaired
from sceneparse.datasets.subsets import chosen_pairs, in_one_piece, parted_note
from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.pictures.decoding import decode
from sceneparse.pictures.masks import indices_of, read_mask, unknown_values, values_outside
from sceneparse.pictures.problems import PictureError, Problem
from sceneparse.pictures.reading import Reading
from sceneparse.pictures.stored_masks import StoredMask, stored_mask
from sceneparse.pictures.turning import Orientation

if TYPE_CHECKING:
    from torch import Tensor

    from sceneparse.datasets.kind import DatasetKind
    from sceneparse.settings import DataSettings


CLASSES = "classes.json"
"""The file that names the classes of people's own pictures and masks."""


class MaskDecoder(Protocol):
    """Translates what a mask file stores, as `indices_of` does."""

    def __call__(
        self, stored: StoredMask, labels: LabelSpace, *, orientation: Orientation = "apply"
    ) -> tuple[NDArray[np.int16], dict[str, int]]:
        """Return (H, W) class indices, and the values that no class has with their numbers of pixels."""
        ...


class Note(NamedTuple):
    """What was assumed or left out, for the data doctor to say: how grave it is, its short name, and a line."""

    severity: Literal["error", "warning", "note"]
    code: str
    text: str


@dataclass(frozen=True)
class Layout:
    """What lies on disk of a data set of pictures and masks.

    Args:
        root: Its folder.
        labels: The label space of the masks.
        splits: What each split holds, by the names that the data set has for them, or why it cannot be listed.
        folders: Where each split's pictures and masks lie.
        notes: Says what was assumed; only the data doctor asks.
        decode: Translates what a mask file stores.
        fixed: Whether the classes are the kind's, so that no classes.json can change them.
        partly: Whether pictures without a mask are left out, as a tool's unfinished pictures are, and not refused.
        undivided: Whether a single split is parted into train and val, as `chosen_pairs` says.
        named_in: The file that names the classes and their values or colours.
        patterns: Whether settings of the kind say what names of pictures and masks have in common.
    """

    root: Path
    labels: LabelSpace
    splits: Mapping[str, Listing | UserError]
    folders: Mapping[str, SplitFolders]
    notes: Callable[[], tuple[Note, ...]] = tuple
    decode: MaskDecoder = indices_of
    fixed: bool = False
    partly: bool = False
    undivided: bool = False
    named_in: str = CLASSES
    patterns: bool = False


def layout_of(kind: DatasetKind, settings: DataSettings) -> Layout | None:
    """Return what lies on disk of a data set of a kind that is made of pictures and masks; None for other kinds.

    Args:
        kind: The kind.
        settings: Where the data set lies, and how it is read.

    Raises:
        UserError: Another layout, or the classes cannot be read.
    """
    if kind.layout is not None:
        return kind.layout(settings)
    if kind.pair_folders is None:
        return None
    from sceneparse.datasets.kind import root_of

    root = root_of(settings)
    folders = kind.pair_folders(root)
    labels = kind.labels or LabelSpace.read(root / "classes.json")
    return Layout(root, labels, Listings(folders), folders, fixed=kind.labels is not None)


class Listings(Mapping[str, "Listing | UserError"]):
    """What each split holds, listed when it is first asked for; what forbids the listing stands in its place.

    Args:
        folders: Where each split's pictures and masks lie.
        make: Lists a split.
    """

    def __init__(
        self, folders: Mapping[str, SplitFolders], make: Callable[[SplitFolders], Listing] = list_pairs
    ) -> None:
        self._folders, self._make = folders, make
        self._found: dict[str, Listing | UserError] = {}

    def __getitem__(self, name: str) -> Listing | UserError:
        if name not in self._found:
            try:
                self._found[name] = self._make(self._folders[name])
            except UserError as error:
                self._found[name] = error
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._folders)

    def __len__(self) -> int:
        return len(self._folders)


def _masks_of(splits: Mapping[str, Listing | UserError]) -> Iterator[Path]:
    """Yield the masks of all splits that can be listed."""
    for listing in splits.values():
        if isinstance(listing, Listing):
            yield from (pair.mask for pair in listing.pairs)


def tool_notes(
    unlabelled: Note, splits: Mapping[str, Listing | UserError], settings: DataSettings, *others: Note
) -> Callable[[], tuple[Note, ...]]:
    """Return what says what was assumed of a tool's export.

    Args:
        unlabelled: What became of pixels that nobody labelled.
        splits: What each split holds, which is listed when it is said.
        settings: What names the split for validation.
        *others: What else was assumed.
    """

    def said() -> tuple[Note, ...]:
        whole = in_one_piece(splits, settings.val)
        if whole is None:
            return *others, unlabelled
        every = splits[whole]
        names = [pair.name for pair in every.pairs] if isinstance(every, Listing) else None
        return *others, unlabelled, Note("note", "parted", parted_note(whole, names))

    return said


def open_layout(read: Callable[[DataSettings], Layout]) -> Callable[[DataSettings, str, int], ListedPictures]:
    """Return the opener of a kind whose data sets are read by `read`.

    Args:
        read: Says what lies on disk.
    """

    def open_split(settings: DataSettings, split: str, channels: int) -> ListedPictures:
        layout = read(settings)
        listing = chosen_pairs(layout.splits, split, layout.root, undivided=layout.undivided, val=settings.val)
        folders = layout.folders.get(split) or SplitFolders(split, layout.root, layout.root)
        refuse_unpaired(listing, folders, layout.root, partly=layout.partly, patterns=layout.patterns)
        dataset = ListedPictures(listing.pairs, layout.labels, channels, truth_of(layout))
        dataset = dataset.read_as(Reading(settings.orientation, settings.range))
        dataset.among(partial(_masks_of, layout.splits))
        whole = in_one_piece(layout.splits, settings.val) if layout.undivided else None
        every = None if whole is None else layout.splits[whole]
        if whole is not None and isinstance(every, Listing) and len(dataset) < len(every.pairs):
            dataset.notes = (parted_note(whole, [pair.name for pair in every.pairs]),)
        return dataset

    return open_split


def truth_of(layout: Layout) -> Truth:
    """Return what reads a mask of a data set as training does, so that unknown values are refused."""
    if layout.decode is indices_of and not layout.fixed and layout.named_in == CLASSES:
        return read_mask
    return Known(layout.decode, layout.fixed, layout.named_in)


@dataclass(frozen=True)
class Known:
    """Reads masks and refuses values that no class has; loader processes can be handed it.

    Args:
        decode: Translates what a mask file stores.
        fixed: Whether the classes are the kind's own.
        named_in: The file that names the classes.
    """

    decode: MaskDecoder
    fixed: bool
    named_in: str = CLASSES

    def __call__(self, path: Path, labels: LabelSpace, *, orientation: Orientation = "apply") -> Tensor:
        """Read a mask as (H, W) int16 class indices.

        Args:
            path: The mask.
            labels: What its values mean.
            orientation: Whether the file's own orientation is applied.

        Raises:
            PictureError: It cannot be read, or has values that no class has.
        """
        import torch  # not at the top: reading a recipe must not wait for it

        stored = stored_mask(decode(path, stored=True))
        try:
            indices, unknown = self.decode(stored, labels, orientation=orientation)
        except PictureError as error:
            text = wrong_form(error.problem, self.named_in)
            if not text:
                raise
            raise PictureError(f"{path}: {text}", error.problem) from None
        if unknown:
            raise PictureError(
                f"{path}: {unknown_text(unknown, labels, fixed=self.fixed, named_in=self.named_in, stored=stored)}",
                "values",
            )
        return torch.from_numpy(indices)


def wrong_form(problem: Problem, named_in: str) -> str:
    """Say that masks of a tool's export are colours in place of values or the reverse, and what to do; else "".

    Args:
        problem: What is wrong.
        named_in: The file that names the classes.
    """
    forms = {
        "mask-is-rgb": ("is a colour picture", "values"),
        "mask-is-index": ("is grey", "colours"),
    }
    if named_in == CLASSES or problem not in forms:
        return ""
    found, wanted = forms[problem]
    return (
        f"the mask {found}, but {named_in} gives the classes' {wanted}: export the data set again and leave its masks "
        "as the tool writes them"
    )


def unknown_text(
    unknown: Mapping[str, int],
    labels: LabelSpace,
    *,
    fixed: bool,
    last_seen: bool = False,
    named_in: str = CLASSES,
    stored: StoredMask | None = None,
) -> str:
    """Say which values no class has, and what to do about it.

    Args:
        unknown: The values, with their numbers of pixels.
        labels: The label space.
        fixed: Whether the classes are the kind's own, which no classes.json changes.
        last_seen: Whether the last class occurs in the masks, so that 255 cannot stand for it.
        named_in: The file that names the classes.
        stored: The mask, where it is one file's.
    """
    if not fixed and named_in != CLASSES:
        what = "colours" if labels.masks == "rgb" else "values"
        return (
            f"{values_outside(unknown, labels)}. {named_in} names no class for it: add the class there or export the "
            f"data set again with all of its labels; many odd {what} mean that masks were resized or saved lossily"
        )
    if not fixed and last_seen and set(unknown) == {"255"}:
        return f'{values_outside(unknown, labels)}. If 255 means "unlabelled", add "ignore": 255 to classes.json.'
    if not fixed:
        return unknown_values(unknown, labels, stored)
    return (
        f"{values_outside(unknown, labels)}. These are not the masks that this kind stands for: name the kind that "
        f"they are of, or write a classes.json that says what the values mean and take {argument('kind', 'folder')}"
    )
