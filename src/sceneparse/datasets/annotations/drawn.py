"""A split whose label maps are drawn when a sample is read: each is a picture and the record of its annotation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from sceneparse.data.sample import Sample, Stored
from sceneparse.datasets.annotations.classes import Classes
from sceneparse.datasets.annotations.outlines import Outlines, doubtful, refuse_shares
from sceneparse.datasets.layout import Note
from sceneparse.datasets.matching import Pair
from sceneparse.datasets.pairs import ListedPictures
from sceneparse.errors import counted
from sceneparse.labels import TaskLabels
from sceneparse.pictures.decoding import decode
from sceneparse.pictures.problems import PictureError
from sceneparse.pictures.reading import Reading, read_picture
from sceneparse.pictures.turning import Orientation

if TYPE_CHECKING:
    from sceneparse.labels import LabelSpace

Size = tuple[int, int]
"""Height and width in pixels."""


@dataclass(frozen=True)
class Record:
    """A picture and its annotation, small enough to be sent to loader processes by the hundred thousand.

    Args:
        name: The sample's name.
        image: The picture.
        file: The file of the annotation, for messages.
        drawing: The annotation, packed by its kind; empty where `file` is read when it is drawn.
        size: The picture's size as the annotation has it, None where it doesn't say.
        embedded: Whether the picture itself is in `file` and no file of its own.
    """

    name: str
    image: Path
    file: Path
    drawing: bytes = b""
    size: Size | None = None
    embedded: bool = False


Draw = Callable[[Record, Size, Classes], NDArray[np.int16]]
"""Draws a record's label map of class indices at its picture's size."""


class DrawnPictures:
    """A split of pictures with annotations that are drawn when they are asked for; see `DataSet`.

    Args:
        records: The pictures and their annotations.
        classes: The classes.
        draw: Draws a label map; a function of a module, since loader processes are sent it.
        channels: Channels of the pictures, as `read_picture` takes them.
        embedded: Gives the picture's file content of a record whose picture is in its annotation file.
        notes: What a user should know of this split: what was left out, what undrawn pixels are.
        outlines: Gives a record's outlines, of kinds that have such.

    Raises:
        UserError: The outlines' coordinates are shares of the pictures' sizes.
    """

    def __init__(
        self,
        records: Sequence[Record],
        classes: Classes,
        draw: Draw,
        channels: int = 3,
        embedded: Callable[[Path], bytes] | None = None,
        notes: Sequence[str] = (),
        outlines: Outlines | None = None,
    ) -> None:
        self.labels: LabelSpace = classes.labels
        self.tasks = TaskLabels(classes.labels)
        self.notes = (*classes.notes, *notes)
        self._records = tuple(records)
        self._classes, self._draw, self._channels, self._embedded = classes, draw, channels, embedded
        self._outlines = outlines
        self._reading = Reading()
        if outlines is not None:
            refuse_shares(self._records, outlines, self._size)

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> Sample:
        import torch  # not at the top: reading a recipe must not wait for it

        record = self._records[index]
        source, reading = self._source(record), self._reading
        image = read_picture(source, self._channels, orientation=reading.orientation, value_range=reading.value_range)
        size = (image.shape[1], image.shape[2])
        if record.size is not None and record.size != size:
            raise _mismatch(record, source, size, reading.orientation)
        objects = torch.from_numpy(self._draw(record, size, self._classes))
        return Sample(image=image, objects=objects, name=record.name, path=str(record.image))

    def read_as(self, reading: Reading) -> Self:
        """Return the same split with its pictures read otherwise; what was drawn stays as it is.

        Args:
            reading: How pictures are read.
        """
        other = copy(self)
        other._reading = reading
        return other

    def stored(self, index: int) -> Stored:
        """Its picture's file, or its content; see `stored_of`."""
        return self._source(self._records[index]), None

    def name(self, index: int) -> str:
        """The sample's name, without reading it."""
        return self._records[index].name

    def doubts(self) -> tuple[Note, ...]:
        """Say which outlines cannot be meant as they stand, and which fit two ways; see `doubts_of`."""
        if self._outlines is None:
            return ()
        return (*doubtful(self._records, self._outlines, self._size), *self._unclear())

    def _unclear(self) -> Iterator[Note]:
        """Find pictures that EXIF turns and whose outlines fit them turned and unturned, since no size is given."""
        if self._outlines is None or self._reading.orientation != "apply":
            return
        found = [record for record in self._records if record.size is None and self._fits_both_ways(record)]
        if found:
            text = (
                f"{counted(len(found), 'picture')} that EXIF turns, whose outlines fit turned and unturned, and of "
                "which the annotation gives no size: they are turned as their files say, which is wrong if the "
                "outlines were drawn on the stored pixels (compare some in `sceneparse data show`; if so, set "
                f"data.orientation to ignore), the first is {found[0].image}"
            )
            yield Note("warning", "unclear-orientation", text)

    def _fits_both_ways(self, record: Record) -> bool:
        assert self._outlines is not None
        try:
            decoded = decode(self._source(record), pixels=False)
        except PictureError:
            return False
        if decoded.orientation < 5 or decoded.size[0] == decoded.size[1]:
            return False
        drawn = [one for one in self._outlines(record) if one.corners]
        side = min(decoded.size)
        return bool(drawn) and all(one.percent or max(map(max, one.corners)) <= side for one in drawn)

    def _size(self, record: Record) -> Size | None:
        """A picture's size: what the annotation has, which must be the file's, or else the file's."""
        if record.size is not None:
            return record.size
        try:
            decoded = decode(self._source(record), pixels=False)
        except PictureError:
            return None
        turned = decoded.orientation >= 5 and self._reading.orientation == "ignore"
        return (decoded.size[1], decoded.size[0]) if turned else decoded.size

    def _source(self, record: Record) -> Path | bytes:
        return self._embedded(record.file) if record.embedded and self._embedded is not None else record.image


def _mismatch(record: Record, source: Path | bytes, size: Size, orientation: Orientation) -> PictureError:
    """The error that says that picture and annotation differ in size."""
    assert record.size is not None
    (height, width), (drawn_height, drawn_width) = size, record.size
    message = (
        f"{record.file}: annotated at {drawn_width}×{drawn_height} pixels, but the picture {record.image} has "
        f"{width}×{height}"
    )
    if record.size == (width, height) and decode(source, pixels=False).orientation >= 5:
        advice = (
            "the picture's EXIF turns it upright, but the tool drew on the unturned pixels: set data.orientation to "
            "ignore if that holds for all pictures, or save the picture's pixels upright or without EXIF, so that both "
            "agree"
            if orientation == "apply"
            else "they fit only as the picture's EXIF turns it: set data.orientation to apply if that holds for all "
            "pictures"
        )
        return PictureError(f"{message}; {advice}", "turned")
    return PictureError(f"{message}; give the pictures that were annotated, at their own size", "size")


def canvas(size: Size, classes: Classes) -> NDArray[np.int16]:
    """Return a label map of a size on which nothing is drawn yet."""
    return np.full(size, classes.undrawn, dtype=np.int16)


class NotedPairs(ListedPictures):
    """A split of pictures and mask files of which something is to be said; see `ListedPictures`.

    Args:
        pairs: The files.
        labels: The label space.
        channels: Channels of the pictures, as `read_picture` takes them.
        notes: What a user should know of this split.
    """

    def __init__(self, pairs: Sequence[Pair], labels: LabelSpace, channels: int = 3, notes: Sequence[str] = ()) -> None:
        super().__init__(pairs, labels, channels)
        self.notes = tuple(notes)
