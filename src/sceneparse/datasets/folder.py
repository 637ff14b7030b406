"""A data set of one's own: folders of pictures and masks, and a `classes.json` that says what mask values mean."""

from pathlib import Path
from typing import TypeVar

from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, by_root
from sceneparse.datasets.pairs import PairedPictures, SplitFolders
from sceneparse.errors import MissingSplitError, UserError
from sceneparse.labels import LabelSpace
from sceneparse.settings.kinds import PICTURES

Split = TypeVar("Split")

LAYOUT = (
    "classes.json, {train,val,test}/images/NAME.jpg and {train,val,test}/masks/NAME.png "
    "(or images/{train,val,test}/… and masks/{train,val,test}/…)"
)
"""The expected tree, in one line."""


def open_folder(root: Path, split: str, channels: int = 3) -> PairedPictures:
    """Open a split of a folder data set.

    Args:
        root: The folder, in either form of `LAYOUT`; subfolders of `images` and `masks` correspond.
        split: The split's folder name.
        channels: Channels of the pictures.

    Raises:
        UserError: Another layout, no such split, a bad `classes.json`, or pictures and masks that don't match.
    """
    splits = folder_splits(root)
    return PairedPictures(chosen(splits, split, root), LabelSpace.read(root / "classes.json"), channels)


def folder_splits(root: Path) -> dict[str, SplitFolders]:
    """The splits that a folder data set has, by name.

    Raises:
        UserError: There are none: another layout, whose top level the message shows.
    """
    entries = subfolders(root)
    if "images" in entries and "masks" in entries:
        names = sorted(set(subfolders(root / "images")) | set(subfolders(root / "masks")))
        splits = {name: SplitFolders(name, root / "images" / name, root / "masks" / name) for name in names}
    else:
        splits = {
            name: SplitFolders(name, root / name / "images", root / name / "masks")
            for name in entries
            if (root / name / "images").is_dir() or (root / name / "masks").is_dir()
        }
    if not splits:
        raise wrong_layout(root, LAYOUT)
    return in_order(splits)


def in_order(splits: dict[str, Split]) -> dict[str, Split]:
    """Sort splits: those for training first, then validation and testing, then others."""
    usual = ("train", "training", "val", "validation", "test", "testing")
    return dict(sorted(splits.items(), key=lambda item: usual.index(item[0]) if item[0] in usual else len(usual)))


def chosen(splits: dict[str, SplitFolders], split: str, root: Path) -> SplitFolders:
    """The split of that name.

    Raises:
        UserError: There is none; the message lists those that there are.
    """
    if split not in splits:
        raise MissingSplitError(f"{root}: no split '{split}'; there are: {', '.join(splits)}")
    return splits[split]


def subfolders(root: Path) -> list[str]:
    """Names of the folders in `root`, sorted, without hidden ones.

    Raises:
        UserError: `root` is not a folder.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; data.root must name the data set's folder")
    return sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def wrong_layout(root: Path, expected: str) -> UserError:
    """The error that shows what was expected and what is there."""
    found = sorted(entry.name + "/" * entry.is_dir() for entry in root.iterdir() if not entry.name.startswith("."))
    there = ", ".join(found[:8]) + (", …" if len(found) > 8 else "") if found else "nothing"
    return UserError(f"{root}: not the expected layout: {expected}; found {there}")


KIND = DatasetKind(
    open=by_root(open_folder),
    entry=Entry(
        title="Your own pictures and masks",
        contents="as many as you have; the classes of classes.json; splits as the folders say",
        licence="yours",
        page="",
        tree=("DIR/classes.json", "DIR/{train,val,test}/images/NAME.jpg", "DIR/{train,val,test}/masks/NAME.png"),
        by_hand="these are your own pictures; docs/data.md says how to lay them out",
    ),
    card="A folder of pictures with masks of its author's own.",
    uses=PICTURES,
    pair_folders=folder_splits,
)
