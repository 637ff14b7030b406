"""A sample: a picture with its truth for one task or several."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.pictures.reading import picture_size
from sceneparse.tasks import MAPS, TRUTH_NAMES, Task, TruthName

if TYPE_CHECKING:
    from torch import Tensor

MASKS: tuple[str, ...] = (*(task.truth for task in MAPS), "owners")
"""The fields of a `Sample` that are label maps and go through every geometric change with the picture."""


@dataclass(frozen=True)
class Sample:
    """A picture and its truth; each task is optional, since most data sets label only some of them.

    Args:
        image: (C, H, W) uint8.
        objects: (H, W) int16 class indices, `IGNORE` (-1) where unknown.
        parts: The same for parts. They say nothing of an object that shows none of its parts; of one that does, pixels
            that are `IGNORE` are known to be no part (Broden+'s reading).
        materials: The same for materials.
        textures: The same for textures.
        scene: Index of the whole picture's scene class.
        owners: The objects that `parts` are parts of, where `objects` doesn't tell; not learnt as objects.
        name: A stable, unique name inside its data set (a relative path without suffix, "/" as separator).
        path: The picture's file, empty when there is none.
    """

    image: Tensor
    objects: Tensor | None = None
    parts: Tensor | None = None
    materials: Tensor | None = None
    textures: Tensor | None = None
    scene: int | None = None
    owners: Tensor | None = None
    name: str = ""
    path: str = ""

    def __repr__(self) -> str:
        height, width = self.size
        truth = [name for name in TRUTH_NAMES if getattr(self, name) is not None]
        name = f"'{self.name}', " if self.name else ""
        return f"Sample({name}{width}×{height}, {self.image.shape[0]} channels; truth: {', '.join(truth) or 'none'})"

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.shape[-2], self.image.shape[-1]

    def with_images(self, image: Tensor, masks: dict[str, Tensor]) -> Sample:
        """Return a copy with another picture and the named label maps replaced."""
        return replace(self, image=image, **masks)  # type: ignore[arg-type]

    def only(self, tasks: Collection[TruthName]) -> Sample:
        """Return a copy with the truth of these tasks alone; objects that the parts need are kept as `owners`."""
        kept: dict[str, Any] = {name: None for name in TRUTH_NAMES if name not in tasks}
        if Task.PART.truth in kept:
            kept["owners"] = None
        elif Task.OBJECT.truth in kept and self.parts is not None and self.owners is None:
            kept["owners"] = self.objects
        return replace(self, **kept)

    def masks(self) -> dict[str, Tensor]:
        """The label maps that are there, by field name."""
        return {name: mask for name in MASKS if (mask := getattr(self, name)) is not None}


class DataSet(Protocol):
    """The interface of a split of a data set: an index always gives the same sample, at its original size."""

    @property
    def labels(self) -> LabelSpace:
        """The objects' label space.

        Raises:
            UserError: The data set labels no objects, so that it is of use in a mixture only.
        """
        ...

    @property
    def tasks(self) -> TaskLabels:
        """The label spaces of all tasks that its samples can be labelled for."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample:
        """The sample.

        Raises:
            UserError: Its files are missing or broken; the message names the file.
        """
        ...

    def name(self, index: int) -> str:
        """The sample's name, without reading it."""
        ...


def notes_of(dataset: DataSet) -> tuple[str, ...]:
    """Return what its user should know of a data set: what was left out or assumed, and how it was parted."""
    return tuple(getattr(dataset, "notes", ()))


def tasks_of(dataset: DataSet) -> TaskLabels | None:
    """The label spaces of the other tasks that a data set names in an attribute `tasks`; None for objects alone."""
    return getattr(dataset, "tasks", None)


def doubts_of(dataset: DataSet) -> tuple[Any, ...]:
    """Return `Note`s on what is probably amiss, which only the data doctor asks for since finding it takes a while."""
    found = getattr(dataset, "doubts", None)
    return () if found is None else tuple(found())


Stored = tuple["Path | bytes | None", "Path | bytes | None"]
"""A sample's picture and its mask as files, or their content; None of what is no picture file."""


def stored_of(dataset: DataSet, index: int) -> Stored | None:
    """Return what a sample's picture and mask are stored in; None where the data set doesn't say."""
    found = getattr(dataset, "stored", None)
    return None if found is None else found(index)


def identity_of(dataset: DataSet, index: int) -> Hashable | None:
    """Return what a sample is, the same in whichever split or piece of one it comes; None where no one says.

    Only data sets whose samples have no file of their own (`Sample.path`) have a method `identity` for it, and those
    that are made of others.
    """
    found = getattr(dataset, "identity", None)
    return None if found is None else found(index)


def groups_of(dataset: DataSet) -> list[str]:
    """Return what goes to one side as a whole with each sample where a data set is parted, such as a tile's raster.

    A data set may have a method `group` for it; of others each sample stands for itself, by its name.
    """
    found = getattr(dataset, "group", dataset.name)
    return [found(index) for index in range(len(dataset))]


def size_of(dataset: DataSet, index: int) -> tuple[int, int] | None:
    """Return a sample's height and width without decoding it, either way up; None where only decoding tells them.

    A data set that is made of another one has a method `stored_size` for it; of any other its picture's header is read.

    Raises:
        UserError: The picture cannot be read.
    """
    found = getattr(dataset, "stored_size", None)
    if found is not None:
        known: tuple[int, int] | None = found(index)
        return known
    stored = stored_of(dataset, index)
    return None if stored is None or stored[0] is None else picture_size(stored[0], upright=False)


def shares_of(dataset: DataSet) -> tuple[tuple[int, float], ...]:
    """Return how a training draws a data set: samples that follow each other, and the share of all draws they get.

    Where the data set has no attribute `shares`, all its samples are drawn alike.
    """
    return getattr(dataset, "shares", ((len(dataset), 1.0),))
