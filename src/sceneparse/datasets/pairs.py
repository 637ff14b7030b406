"""Splits whose samples are pictures and the masks that belong to them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from sceneparse.data.sample import Sample, Stored
from sceneparse.datasets.matching import Listing, Pair, SplitFolders, list_pairs, patterns_advice
from sceneparse.datasets.packed_masks import PackedMasks
from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.pictures.decoding import decode
from sceneparse.pictures.masks import read_mask
from sceneparse.pictures.problems import PictureError
from sceneparse.pictures.reading import Reading, read_picture
from sceneparse.pictures.turning import Orientation

if TYPE_CHECKING:
    from torch import Tensor


class Truth(Protocol):
    """Reads a file of labels as (H, W) int16 class indices, as `read_mask` does."""

    def __call__(self, path: Path, labels: LabelSpace, /, *, orientation: Orientation) -> Tensor:
        """Return the classes; `orientation` says whether the file's own, if it has any, is applied."""


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
        self._packed = PackedMasks(self._masks)
        self._reading = Reading()
        self.notes: tuple[str, ...] = ()

    def read_as(self, reading: Reading) -> Self:
        """Return the same split, whose pictures are read in another way, and whose masks are turned likewise."""
        other = copy(self)
        other._reading = reading
        return other

    def among(self, masks: Callable[[], Iterable[Path]]) -> None:
        """Compare how masks store their numbers with those of the whole data set, not of this split alone.

        Args:
            masks: Gives all of them; called where one of this split's may be read in two ways.
        """
        self._packed = PackedMasks(masks)

    def _masks(self) -> Iterable[Path]:
        return [pair.mask for pair in self._pairs]

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Sample:
        pair = self._pairs[index]
        reading = self._reading
        image = read_picture(
            pair.image, self._channels, orientation=reading.orientation, value_range=reading.value_range
        )
        objects = self._truth(pair.mask, self.labels, orientation=reading.orientation)
        self._packed.refuse(pair.mask, self.labels)
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


def refuse_unpaired(
    listing: Listing, split: SplitFolders, root: Path | None = None, *, partly: bool = False, patterns: bool = False
) -> None:
    """Raise a `UserError` that names the first picture without mask, mask without picture or ambiguous name.

    Args:
        listing: What the split holds.
        split: Where it lies.
        root: The data set's folder, where it is known.
        partly: Whether pictures without a mask may be left out.
        patterns: Whether settings of the kind say what names have in common.
    """
    where = f"split '{split.name}'"
    folder = "" if root is None else f" {shlex.quote(str(root))}"
    advice = f"{listing.rule()}; `sceneparse data check{folder}` lists them all"
    if patterns and (given := patterns_advice(listing, split)):
        advice = f"{advice}; {given}"
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
