"""A data set of one's own: folders of pictures and masks, and a `classes.json` that says what mask values mean."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from sceneparse.arguments import argument
from sceneparse.datasets.folder_layouts import WHOLE, found_splits
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, root_of
from sceneparse.datasets.layout import Layout, Listings, Note, open_layout
from sceneparse.datasets.mask_names import ANY, NamePatterns
from sceneparse.datasets.matching import Listing, SplitFolders
from sceneparse.datasets.pairs import ListedPictures
from sceneparse.datasets.split_lists import SplitLists
from sceneparse.datasets.subsets import ROLES, in_one_piece, parted_note, role_of, split_named
from sceneparse.errors import OtherKindError, UserError, WrongLayoutError, require, some
from sceneparse.labels import LabelSpace
from sceneparse.paths import meant
from sceneparse.pictures.finding import is_hidden
from sceneparse.settings import DataSettings
from sceneparse.settings.kinds import PICTURES

Split = TypeVar("Split")

LAYOUT = (
    "classes.json, {train,val,test}/images/NAME.jpg and {train,val,test}/masks/NAME.png "
    "(or images/{train,val,test}/… and masks/{train,val,test}/…)"
)
"""The expected tree, in one line."""


@dataclass(frozen=True)
class FolderOptions:
    """Settings of the kind folder.

    Args:
        image_names: What the names of pictures have in common, without suffix, such as "scan_*": the name that a
            picture shares with its mask stands in place of the *. Null: see docs/data.md for what is found by itself.
        mask_names: The same of masks, such as "truth_*" or "*_drawn".
    """

    image_names: str | None = None
    mask_names: str | None = None

    def __post_init__(self) -> None:
        for name in ("image_names", "mask_names"):
            pattern = getattr(self, name)
            require(
                pattern is None or (pattern.count("*") == 1 and "/" not in pattern),
                f"{name} is '{pattern}', but must have one * and no folder, such as 'scan_*'",
            )

    def patterns(self) -> NamePatterns:
        """Return the patterns, "*" where none is given."""
        return NamePatterns(self.image_names or "*", self.mask_names or "*")


def open_folder(root: Path, split: str, channels: int = 3) -> ListedPictures:
    """Open a split of a folder data set.

    Args:
        root: The folder, in either form of `LAYOUT`, or in one that `found_splits` knows; subfolders of `images` and
            `masks` correspond.
        split: The split's folder name, or the role that it plays ("val" where the folder is called "valid").
        channels: Channels of the pictures.

    Raises:
        UserError: Another layout, no such split, a bad `classes.json`, or pictures and masks that don't match.
    """
    return open_layout(folder_layout)(DataSettings("folder", root=str(root)), split, channels)


def folder_splits(root: Path, patterns: NamePatterns = ANY) -> dict[str, SplitFolders]:
    """The splits that a folder data set has, by name.

    Args:
        root: The folder.
        patterns: What names of pictures and masks have in common.

    Raises:
        UserError: There are none: another layout, whose top level the message shows.
    """
    splits = usual_splits(root) or found_splits(root, patterns)
    if not splits:
        raise _wrong_layout(root)
    return in_order({name: replace(split, patterns=patterns) for name, split in splits.items()})


def _wrong_layout(root: Path) -> UserError:
    """The error that a folder has another layout, with the kind that it, or one further down or up, has the look of."""
    from sceneparse.datasets.recognising import layout_error  # which goes over all kinds, this one among them

    return layout_error(str(wrong_layout(root, LAYOUT)), root, "folder")


def usual_splits(root: Path) -> dict[str, SplitFolders]:
    """The splits of a folder in one of the two forms of `LAYOUT`; none where it has another.

    A split without one of its folders is one all the same, whose other folder is missed, unless the other folders are
    found by other names.
    """
    splits = _named_as_usual(root)
    if not any(split.images.is_dir() and split.masks.is_dir() for split in splits.values()) and found_splits(root):
        return {}
    return splits


def _named_as_usual(root: Path) -> dict[str, SplitFolders]:
    entries = subfolders(root)
    if "images" in entries and "masks" in entries:
        names = sorted(set(subfolders(root / "images")) | set(subfolders(root / "masks")))
        return {name: SplitFolders(name, root / "images" / name, root / "masks" / name) for name in names}
    return {
        name: SplitFolders(name, root / name / "images", root / name / "masks")
        for name in entries
        if (root / name / "images").is_dir() or (root / name / "masks").is_dir()
    }


def folder_layout(settings: DataSettings) -> Layout:
    """Return what lies on disk of a folder data set, with what was taken for pictures, masks and splits.

    Raises:
        UserError: Another layout, or a bad `classes.json`.
    """
    root = root_of(settings)
    options: FolderOptions = KIND.read_options(settings.options, "data.options", "kind folder")
    folders = folder_splits(root, options.patterns())
    labels = _classes(root, folders)
    splits = Listings(folders)
    usual = bool(usual_splits(root))
    lists = split_lists(settings, folders)
    undivided = (not usual and list(folders) == [WHOLE]) or bool(lists)
    if lists:
        folders, splits = in_order(lists.folders), lists.listings()
    parted = undivided and in_one_piece(splits, settings.val) is not None
    notes = partial(taken, root, folders, splits, lists, usual=usual, parted=parted)
    return Layout(root, labels, splits, folders, notes, undivided=undivided, patterns=True)


def split_lists(settings: DataSettings, folders: Mapping[str, SplitFolders]) -> SplitLists | None:
    """The lists of splits that may part a folder data set; None where its folders do, or the settings name these.

    Args:
        settings: Where it lies, and the splits that are asked for.
        folders: Its splits as its folders say: all pictures, or subfolders of these, which lists may go across.
    """
    parents = {(split.images.parent, split.masks.parent) for split in folders.values()}
    if list(folders) == [WHOLE]:
        whole = folders[WHOLE]
    elif len(parents) == 1 and not any(role_of(name) is not None for name in folders):
        ((images, masks),) = parents
        whole = replace(next(iter(folders.values())), name=WHOLE, images=images, masks=masks)
    else:
        return None
    asked = "+".join((settings.train, settings.val, settings.test))
    named = {one.partition("[")[0] for one in asked.split("+")}
    # Some split that is asked for is a part of all pictures, such as "all[:300]", or a folder of them.
    if named & {WHOLE, *folders}:
        return None
    return SplitLists(root_of(settings), whole)


def _classes(root: Path, folders: Mapping[str, SplitFolders]) -> LabelSpace:
    """The classes of a folder; where it has no `classes.json`, it may be of another kind, which the message says.

    Raises:
        UserError: `classes.json` is missing or bad.
    """
    path = root / "classes.json"
    try:
        return LabelSpace.read(path)
    except UserError as error:
        # Which go over all kinds, this one among them.
        from sceneparse.datasets.legends import what_to_write
        from sceneparse.datasets.recognising import other_reading, special_kind

        if path.exists():
            raise
        if special := special_kind(root):
            kind, evidence = special
            looks = f"{root} looks like kind {kind} ({evidence})"
            names = f"{argument('kind', kind)}, for training {argument('data.kind', kind)}"
            raise OtherKindError(f"{error}. {looks}: name it with {names}.", kind, looks) from None
        whole = what_to_write(path, folders.values())
        said = f"{path}: no such file; {whole}" if whole else str(error)
        other = other_reading(root, named=bool(whole))
        raise UserError(f"{said}. {other}" if other else said) from None


def taken(
    root: Path,
    folders: Mapping[str, SplitFolders],
    splits: Mapping[str, Listing | UserError],
    lists: SplitLists | None = None,
    *,
    usual: bool,
    parted: bool,
) -> tuple[Note, ...]:
    """Say what was taken for pictures and masks, where that is not what `LAYOUT` says, and whether they are parted."""
    notes = []
    listings = [listing for listing in splits.values() if isinstance(listing, Listing)]
    endings = {listing.ending for listing in listings if listing.ending}
    beginnings = {listing.beginning for listing in listings if listing.beginning}
    if any(listing.folded for listing in listings):
        text = "names of pictures and masks differ in capital and small letters, and are matched whatever their case"
        notes.append(Note("note", "names-folded", text))
    if not usual or endings or beginnings:
        first = next(iter(folders.values()))
        images, masks = (
            f"{one.relative_to(root).as_posix()}/".removeprefix("./") for one in (first.images, first.masks)
        )
        ending = f" whose names end in {' or '.join(sorted(endings))}" if endings else ""
        if beginnings:
            ending = f" whose names begin with {' or '.join(sorted(beginnings))}{ending.replace(' whose names', ' or')}"
        where = f"beside them{ending}" if images == masks else f"in {masks or './'}{ending}"
        notes.append(Note("note", "layout", f"pictures are taken from {images or './'}, their masks {where}"))
    notes += () if lists is None else lists.notes()
    if parted and WHOLE in folders:
        every = splits[WHOLE]
        names = [pair.name for pair in every.pairs] if isinstance(every, Listing) else None
        notes.append(Note("note", "parted", parted_note(WHOLE, names)))
    for role in ROLES:
        name = split_named(folders, role)
        if name is not None and name != role:
            notes.append(Note("note", "split-name", f"split '{name}' is taken as {role}"))
    return tuple(notes)


def in_order(splits: dict[str, Split]) -> dict[str, Split]:
    """Sort splits: those for training first, then validation and testing, then others."""
    usual = [name for role in ROLES.values() for name in role]
    return dict(sorted(splits.items(), key=lambda item: usual.index(item[0]) if item[0] in usual else len(usual)))


def subfolders(root: Path) -> list[str]:
    """Names of the folders in `root`, sorted, without hidden ones.

    Raises:
        UserError: `root` is not a folder.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; data.root must name the data set's folder{meant(root)}")
    return sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not is_hidden(entry.name))


def wrong_layout(root: Path, expected: str) -> WrongLayoutError:
    """The error that shows what was expected and what is there."""
    return WrongLayoutError(f"{root}: not the expected layout: {expected}; found {found_in(root)}")


def found_in(root: Path) -> str:
    """Return the top level of a folder for a message: "images/, masks/, notes.txt"."""
    found = sorted(entry.name + "/" * entry.is_dir() for entry in root.iterdir() if not is_hidden(entry.name))
    return some(found, 8) if found else "nothing"


def recognise_folder(root: Path) -> str | None:
    """What in a folder speaks for pictures and masks of its owner's."""
    usual = usual_splits(root)
    if usual:
        split = next(iter(usual.values()))
        return " and ".join(f"{one.relative_to(root).as_posix()}/" for one in (split.images, split.masks))
    found = found_splits(root)
    if not found:
        return None
    split = next(iter(found.values()))
    if split.images == split.masks:
        return "pictures with masks beside them"
    return " and ".join(f"{one.relative_to(root).as_posix()}/" for one in (split.images, split.masks))


KIND = DatasetKind(
    open=open_layout(folder_layout),
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
    options=FolderOptions,
    layout=folder_layout,
    recognise=recognise_folder,
)
