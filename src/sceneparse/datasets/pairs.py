"""Pictures and the masks that belong to them, matched by name in two folders."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sceneparse.data.sample import Sample, Stored
from sceneparse.datasets.mask_names import (
    MASK_BEGINNING,
    PICTURE_BEGINNING,
    PICTURE_ENDING,
    mask_beginning,
    mask_ending,
)
from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.pictures.decoding import decode
from sceneparse.pictures.finding import walk
from sceneparse.pictures.masks import read_mask
from sceneparse.pictures.problems import PictureError
from sceneparse.pictures.reading import Reading, read_picture
from sceneparse.pictures.turning import Orientation

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SplitFolders:
    """Where a split's pictures and masks lie.

    Args:
        name: The split.
        images: The folder of the pictures.
        masks: The folder of the masks; the same one where they lie beside each other.
    """

    name: str
    images: Path
    masks: Path


@dataclass(frozen=True)
class Pair:
    """A picture and its mask; `name` is their common path below their folders, without suffix."""

    name: str
    image: Path
    mask: Path


@dataclass(frozen=True)
class Listing:
    """What a split's two folders hold, sorted by name.

    Args:
        pairs: The pictures with a mask.
        without_mask: Pictures without a mask.
        without_picture: Masks without a picture.
        doubles: Files of one folder that differ only in their suffix, so that a name stands for two.
        rivals: Pictures that would have a mask which another one has already ("a.jpg" and "a_rgb.jpg" of "a_mask.png").
        ending: What the masks' names have at their end besides their pictures' ("_mask").
        beginning: What they have at their beginning ("mask_").
    """

    pairs: tuple[Pair, ...]
    without_mask: tuple[Path, ...] = ()
    without_picture: tuple[Path, ...] = ()
    doubles: tuple[Path, ...] = ()
    rivals: tuple[Path, ...] = ()
    ending: str = ""
    beginning: str = ""


def list_pairs(split: SplitFolders) -> Listing:
    """Match pictures and masks by their relative path without suffix. Reads folders, not files.

    Names match in whatever form of Unicode they are written (NFC or NFD, as macOS has them). Where no name matches,
    masks may have an ending of their own, or else a beginning (see `mask_names`): the one that matches
    most pictures counts.

    Raises:
        UserError: A folder is missing.
    """
    for folder in (split.images, split.masks):
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; split '{split.name}' needs it")
    images, double_images = by_stem(split.images)
    if split.images == split.masks:
        return _beside(images, double_images)
    masks, double_masks = by_stem(split.masks)
    doubles = [*double_images, *double_masks]
    if images.keys() & masks.keys():
        return _matched(images, masks, doubles)
    bare = {name: PICTURE_ENDING.sub("", name) for name in images}
    ending = mask_ending({*images, *bare.values()}, masks)
    if not ending and (beginning := mask_beginning(images, masks)):
        return _matched_by_beginning(images, masks, doubles, beginning)
    return _matched(images, masks, doubles, ending, bare)


def same_name(name: str) -> str:
    """Return a name in the form in which names are compared, Unicode's NFC."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def by_stem(folder: Path) -> tuple[dict[str, Path], list[Path]]:
    """Return the pictures below a folder by their relative paths without suffix, and those whose name is taken."""
    found: dict[str, Path] = {}
    doubles = []
    cut = len(folder.as_posix().rstrip("/")) + 1
    for path, _ in walk(folder):
        key = same_name(path.as_posix()[cut:].rpartition(".")[0])
        if key in found:
            doubles.append(path)
        else:
            found[key] = path
    return found, doubles


def _beside(files: Mapping[str, Path], doubles: Sequence[Path]) -> Listing:
    """Match the pictures of a folder with the masks that lie among them."""
    bare = {name: PICTURE_ENDING.sub("", name) for name in files}
    ending = mask_ending({*files, *bare.values()}, files)
    if not ending and (beginning := mask_beginning(files, files)):
        images = {name: path for name, path in files.items() if not _begins(name, beginning)}
        return _matched_by_beginning(images, files, doubles, beginning)
    if not ending:
        return Listing((), tuple(files[name] for name in sorted(files)), doubles=tuple(doubles))
    images = {name: path for name, path in files.items() if not name.endswith(ending)}
    return _matched(images, files, doubles, ending, bare)


def _matched(
    images: Mapping[str, Path],
    masks: Mapping[str, Path],
    doubles: Sequence[Path],
    ending: str = "",
    bare: Mapping[str, str] | None = None,
) -> Listing:
    """Match files by name.

    Args:
        images: The pictures by name.
        masks: The masks by name.
        doubles: Files whose name another one has.
        ending: What the masks' names end in besides.
        bare: The pictures' names without an ending of their own.
    """
    if ending:
        masks = {name.removesuffix(ending): path for name, path in masks.items() if name.endswith(ending)}
    keys = {name: name if bare is None or name in masks else bare[name] for name in sorted(images)}
    owners: dict[str, str] = {}
    for name, key in keys.items():
        if name == key or key not in owners:
            owners[key] = name
    pairs, alone, rivals = [], [], []
    for name, key in keys.items():
        if key not in masks:
            alone.append(images[name])
        elif owners[key] != name:
            rivals.append(images[name])
        else:
            pairs.append(Pair(_as_stored(name, images[name]), images[name], masks[key]))
    left = tuple(masks[name] for name in sorted(masks) if name not in owners)
    return Listing(tuple(pairs), tuple(alone), left, tuple(doubles), tuple(rivals), ending)


def _begins(name: str, beginning: str) -> bool:
    return name.rpartition("/")[2].startswith(beginning)


def _matched_by_beginning(
    images: Mapping[str, Path], masks: Mapping[str, Path], doubles: Sequence[Path], beginning: str
) -> Listing:
    """Match files by name, of which masks' begin with something of their own, and pictures' perhaps too."""
    own = {MASK_BEGINNING.sub("", name): path for name, path in masks.items() if _begins(name, beginning)}
    bare = {name: PICTURE_BEGINNING.sub("", name) for name in images}
    return replace(_matched(images, own, doubles, "", bare), beginning=beginning)


def _as_stored(name: str, path: Path) -> str:
    """A name in the form of Unicode that the file system has it in."""
    return name if name.isascii() else "/".join(path.with_suffix("").parts[-name.count("/") - 1 :])


Truth = Callable[[Path, LabelSpace], "Tensor"]
"""Reads a file of labels as (H, W) int16 class indices, as `read_mask` does."""


class ListedPictures:
    """A split whose samples are pairs of files, each with its own paths; see `DataSet`.

    Args:
        pairs: The files.
        labels: The label space.
        channels: Channels of the pictures, as `read_picture` takes them.
        truth: Reads the labels.
    """

    def __init__(self, pairs: Sequence[Pair], labels: LabelSpace, channels: int = 3, truth: Truth = read_mask) -> None:
        self.labels = labels
        self.tasks = TaskLabels(labels)
        self._pairs = tuple(pairs)
        self._channels = channels
        self._truth = truth
        self._reading = Reading()
        self.notes: tuple[str, ...] = ()

    def read_as(self, reading: Reading) -> Self:
        """Return the same split, whose pictures are read in another way, and likewise the masks of `read_mask`."""
        other = copy(self)
        other._reading = reading
        if self._truth is read_mask:
            other._truth = partial(read_mask, orientation=reading.orientation)
        return other

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Sample:
        pair = self._pairs[index]
        reading = self._reading
        image = read_picture(
            pair.image, self._channels, orientation=reading.orientation, value_range=reading.value_range
        )
        objects = self._truth(pair.mask, self.labels)
        sample = Sample(image=image, objects=objects, name=pair.name, path=str(pair.image))
        wrong = mismatch(pair, sample.size, (objects.shape[0], objects.shape[1]), reading.orientation)
        if wrong is not None:
            raise wrong
        return sample

    def name(self, index: int) -> str:
        """The sample's name, without reading it."""
        return self._pairs[index].name

    def stored(self, index: int) -> Stored:
        """The files of its picture and its mask; see `stored_of`."""
        return self._pairs[index].image, self._pairs[index].mask


class PairedPictures(ListedPictures):
    """A split whose samples are what two folders hold under the same names; see `DataSet`.

    Args:
        split: The two folders.
        labels: The label space of the masks.
        channels: Channels of the pictures, as `read_picture` takes them.
        truth: Reads the labels.

    Raises:
        UserError: A folder is missing or empty, or pictures and masks don't match one to one.
    """

    def __init__(self, split: SplitFolders, labels: LabelSpace, channels: int = 3, truth: Truth = read_mask) -> None:
        listing = list_pairs(split)
        refuse_unpaired(listing, split)
        super().__init__(listing.pairs, labels, channels, truth)


def refuse_unpaired(listing: Listing, split: SplitFolders, *, partly: bool = False) -> None:
    """Raise a `UserError` that names the first picture without mask, mask without picture or ambiguous name.

    Args:
        listing: What the split holds.
        split: Where it lies.
        partly: Whether pictures without a mask may be left out.
    """
    where = f"split '{split.name}'"
    advice = "pictures and masks are matched by their path without suffix; `sceneparse data check` lists them all"
    for files, what, other in (
        (() if partly else listing.without_mask, "no mask", split.masks),
        (listing.without_picture, "no picture", split.images),
    ):
        if files:
            more = f" (and for {len(files) - 1:,} more)" if len(files) > 1 else ""
            raise UserError(f"{where}: {what} in {other} for {files[0]}{more}; {advice}")
    if listing.doubles:
        raise UserError(f"{where}: {listing.doubles[0]} differs from another file only in its suffix; {advice}")
    if listing.rivals:
        raise UserError(
            f"{where}: {listing.rivals[0]} would have the mask of another picture; take away the one of the two that "
            "the mask was not drawn on, or give each picture a mask of its own name"
        )
    if not listing.pairs:
        raise UserError(f"{where}: no pictures in {split.images}")


def mismatch(
    pair: Pair, size: tuple[int, int], mask_size: tuple[int, int], orientation: Orientation = "apply"
) -> PictureError | None:
    """The error that says that mask and picture differ in size, or None.

    Args:
        pair: The files.
        size: (height, width) of the picture.
        mask_size: (height, width) of the mask.
        orientation: Whether both were turned as their files say.
    """
    if size == mask_size:
        return None
    (height, width), (mask_height, mask_width) = size, mask_size
    message = f"{pair.mask}: {mask_width}×{mask_height} pixels, but its picture {pair.image} has {width}×{height}"
    if mask_size == (width, height):
        image, mask = (decode(file, pixels=False).orientation for file in (pair.image, pair.mask))
        if max(image, mask) >= 5:
            return PictureError(f"{message}; {turned_advice(image, orientation)}", "turned")
    return PictureError(f"{message}; make the mask at the picture's size, without interpolation", "size")


def turned_advice(image: int, orientation: Orientation) -> str:
    """Say what to do where picture and mask fit only if EXIF's orientation is treated otherwise.

    Args:
        image: The picture's EXIF orientation, 1 to 8.
        orientation: Whether both were turned as their files say.
    """
    if orientation == "ignore":
        return "they fit only as their EXIF turns them: set data.orientation to apply if that holds for all pictures"
    if image < 5:
        return (
            "the mask's EXIF turns it, but it belongs to the picture as it is stored: set data.orientation to ignore "
            "if that holds for all pictures, or save the mask without EXIF"
        )
    return (
        "the picture's EXIF turns it upright, but the mask was drawn on the unturned pixels: set data.orientation to "
        "ignore if that holds for all pictures, or save the picture's pixels upright or without EXIF, so that both "
        "agree"
    )
