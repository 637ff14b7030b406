"""Classes of a data set renamed, merged, dropped, paired and coloured: names, label spaces, and samples in them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sceneparse.data.sample import DataSet, Sample, notes_of, shares_of, size_of
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE, Color, LabelSpace, TaskLabels
from sceneparse.labels.mirroring import Pair, joined

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sceneparse.data.sampling import Batches, Draw


@dataclass(frozen=True)
class Change:
    """What became of a class.

    Args:
        task: Its task.
        name: Its own name.
        becomes: What it is called now; None if its pixels are ignored.
        pixels: How many pixels it had; None where no mask was read.
    """

    task: str
    name: str
    becomes: str | None
    pixels: int | None = None

    @property
    def moved(self) -> bool:
        """Whether it is called otherwise than before."""
        return self.becomes != self.name

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {"task": self.task, "class": self.name, "becomes": self.becomes, "pixels": self.pixels}


class ClassChanges:
    """A data set whose classes are renamed, merged and dropped, paired or coloured; see `DataSet`.

    Args:
        dataset: The data set.
        renames: What its classes are called, of any task: equal names merge, None drops a class, whose pixels are then
            ignored. Classes that are not listed keep their names.
        what: What messages call the data set.
        setting: What messages call the setting.
        mirror: Mirror pairs beside the data set's own, by the names that classes have then. None: none at all.
        colors: Colours of classes, by the names that they have then; None keeps all.

    Raises:
        UserError: Names that no class has, no class is left, one would be in two mirror pairs, or two of one colour.
    """

    def __init__(
        self,
        dataset: DataSet,
        renames: Mapping[str, str | None],
        what: str,
        setting: str = "data.classes",
        mirror: Sequence[Pair] | None = (),
        colors: Mapping[str, Color] | None = None,
    ) -> None:
        from sceneparse.data.mixture import Source, Translation, spaces_by_truth, united  # which stands on this file

        self.before: TaskLabels = dataset.tasks
        self.notes = notes_of(dataset)
        spaces = spaces_by_truth(dataset.tasks)
        refuse_unknown(renames, {name for space in spaces.values() for name in space.names}, what, setting)
        self.renames = renames
        source = Source("", dataset, rename=renames)
        if renames:
            changed = united([source], mirror=mirror is not None, what=setting)
        else:  # values of masks and colours stay as well
            changed = dataset.tasks if mirror is not None else dataset.tasks.with_mirror({})
        changed = paired(changed, mirror, what, f"{setting}.mirror") if mirror else changed
        self.tasks: TaskLabels = colored(changed, colors, what, f"{setting}.colors") if colors else changed
        kept = spaces_by_truth(self.tasks)
        if gone := [task for task in spaces if task not in kept]:
            raise UserError(f"{setting} leaves {what} no class of {', '.join(gone)}: drop fewer")
        self.pixels: dict[str, NDArray[np.int64]] | None = None
        self._dataset = dataset
        self._translation = Translation(source, self.tasks)

    @property
    def labels(self) -> LabelSpace:
        """The objects' label space."""
        from sceneparse.data.mixture import object_labels

        return object_labels(self.tasks, "the data set")

    @property
    def indices(self) -> Mapping[str, Sequence[int]]:
        """For each task the new index of every own class, `IGNORE` for dropped ones."""
        return {str(task): indices for task, indices in self._translation.indices.items()}

    @property
    def batches(self) -> Batches:
        """How the samples of a batch are drawn, of a data set that draws them itself."""
        found: Batches = self._dataset.batches  # type: ignore[attr-defined]
        return found

    @property
    def draws_itself(self) -> bool:
        """Whether the data set draws its samples itself, as a mixture does."""
        return hasattr(self._dataset, "draws")

    def draws(
        self, batch: int, seed: int, start: int, stop: int, factors: NDArray[np.float64] | None = None
    ) -> Iterator[list[Draw]]:
        """Yield the samples of iterations start … stop - 1, of a data set that draws them itself.

        Args:
            batch: Pictures of an iteration.
            seed: Decides draws and orders.
            start: First iteration.
            stop: One past the last.
            factors: (N,) how often each sample comes in an epoch; None: once.
        """
        inner: Any = self._dataset
        found: Iterator[list[Draw]] = inner.draws(batch, seed, start, stop, factors)
        return found

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Sample:
        sample = self._dataset[index]
        if self.pixels is not None:
            self._count(sample)
        return self._translation.translated(sample) if self.renames else sample

    def name(self, index: int) -> str:
        """The sample's name, without reading it."""
        return self._dataset.name(index)

    def stored_size(self, index: int) -> tuple[int, int] | None:
        """The sample's size; see `size_of`."""
        return size_of(self._dataset, index)

    @property
    def shares(self) -> tuple[tuple[int, float], ...]:
        """How often its samples are drawn; see `shares_of`."""
        return shares_of(self._dataset)

    def count(self) -> None:
        """Count the pixels of the own classes of every sample that is read from now on, in this process."""
        self.pixels = {}

    def changes(self) -> list[Change]:
        """Return what became of every class, with its pixels where they were counted."""
        return changes_of(self, self.pixels)

    def _count(self, sample: Sample) -> None:
        import torch

        assert self.pixels is not None
        masks = sample.masks()
        for task, indices in self.indices.items():
            if task in masks:
                mask = masks[task]
                counts = torch.bincount(mask[mask != IGNORE].long(), minlength=len(indices)).numpy()
                self.pixels[task] = self.pixels.get(task, 0) + counts


def paired(tasks: TaskLabels, pairs: Sequence[Pair], what: str, setting: str) -> TaskLabels:
    """Return label spaces with further mirror pairs, each in every label space that has both of its classes.

    Args:
        tasks: The label spaces, with the pairs that they list already.
        pairs: The pairs.
        what: What messages call the data set.
        setting: What messages call the setting.

    Raises:
        UserError: Names that no class has, two of different tasks, a class that would be in two pairs, or one whose
            mirror image is said to be no class though a pair says which it is.
    """
    spaces = tasks.spaces()
    known = dict.fromkeys(name for space in spaces.values() for name in space.names)
    refuse_unknown([name for pair in pairs for name in pair if name is not None], known, what, setting)
    found = {task: list(space.mirror) for task, space in spaces.items()}
    for one, other in pairs:
        having = [task for task, space in spaces.items() if one in space.names and other in (None, *space.names)]
        if not having:
            raise UserError(f"{setting} pairs '{one}' with '{other}', which are classes of different tasks")
        for task in having:
            found[task].append((one, other))
            # `joined` lets a pair fill in what another list does not know; here it would overrule what is said.
            if other is None and (image := _image(one, [*spaces[task].mirror, *pairs])):
                raise UserError(
                    f"{setting} says that the mirror image of '{one}' is none of the classes, but by the other pairs, "
                    f"given there or in {what}, it is '{image}': leave one of the two out"
                )
    pairs_of = {task: joined(own, setting) for task, own in found.items()}
    try:
        return tasks.with_mirror(pairs_of)
    except UserError as error:
        raise UserError(f"{setting}: {error}") from None


def _image(name: str, pairs: Sequence[Pair]) -> str | None:
    """Return the class that a class is paired with."""
    of = (pair[1 - pair.index(name)] for pair in pairs if name in pair)
    return next((image for image in of if image is not None), None)


def colored(tasks: TaskLabels, colors: Mapping[str, Color], what: str, setting: str) -> TaskLabels:
    """Return label spaces with other colours, each class of a name in each task.

    Args:
        tasks: The label spaces.
        colors: The colours, by name.
        what: What messages call the data set.
        setting: What messages call the setting.

    Raises:
        UserError: Names that no class has, or two classes of one task would have one colour.
    """
    refuse_unknown(colors, {name for space in tasks.spaces().values() for name in space.names}, what, setting)
    try:
        return tasks.with_colors(colors)
    except UserError as error:
        raise UserError(f"{setting}: {error}") from None


def changes_of(changes: ClassChanges, pixels: Mapping[str, NDArray[np.int64]] | None = None) -> list[Change]:
    """Return what becomes of every class of every task, also of those that became one class by their names alone.

    Args:
        changes: The classes before and after.
        pixels: Of a task the pixels of each class, where they were counted.
    """
    after = changes.tasks.spaces()
    return [
        Change(
            task.truth,
            name,
            None if new == IGNORE else after[task].names[new],
            _of(pixels, task.truth, index),
        )
        for task, space in changes.before.spaces().items()
        for index, (name, new) in enumerate(zip(space.names, changes.indices[task.truth], strict=True))
    ]


def _of(pixels: Mapping[str, NDArray[np.int64]] | None, task: str, index: int) -> int | None:
    return int(pixels[task][index]) if pixels is not None and task in pixels else None


def refuse_unknown(names: Collection[str], known: Collection[str], what: str, setting: str) -> None:
    """Refuse names that no class has; all are named, with what may have been meant.

    Raises:
        UserError: There are some.
    """
    unknown = [name for name in names if name not in known]
    if not unknown:
        return
    near = [(name, difflib.get_close_matches(name, list(known), n=1)) for name in unknown]
    shown = ", ".join(f"'{name}'" + (f" (did you mean '{found[0]}'?)" if found else "") for name, found in near)
    ordered = ", ".join(sorted(known)[:8]) + (", …" if len(known) > 8 else "")
    raise UserError(f"{setting}: {what} has no class {shown}; it has {ordered}")


def changes_in(dataset: object) -> ClassChanges | None:
    """Return the changes of a data set that `open_dataset` opened; None if its classes are called as they were."""
    while dataset is not None and not (isinstance(dataset, ClassChanges) and dataset.renames):
        dataset = getattr(dataset, "_dataset", None)
    return dataset
