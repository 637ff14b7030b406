"""A data set seen as if each of its pictures were labelled for one task alone."""

from collections.abc import Iterator
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from sceneparse.data.sample import DataSet, Sample, notes_of, size_of
from sceneparse.data.sampling import Batches, Draw, Repeats, mixed_draws
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.tasks import Task


class SplitAnnotation:
    """A data set whose samples keep their labels for one task each, in turn; see `DataSet`.

    Where a sample has no label for the task whose turn it is, the next task that it is labelled for takes its place.
    Training draws the samples of each turn as those of a data set of their own, see `draws`.

    Args:
        dataset: The whole.
        batches: Whether the samples of a batch all have the same turn ("pure") or each its own ("mixed").
    """

    def __init__(self, dataset: DataSet, batches: Batches = "pure") -> None:
        self._dataset = dataset
        self.batches: Batches = batches
        self.tasks: TaskLabels = dataset.tasks
        self.notes = notes_of(dataset)
        turns = (Task.OBJECT, Task.PART, Task.SCENE, Task.MATERIAL, Task.TEXTURE)
        self._fields = tuple(task.truth for task in turns if task in self.tasks.spaces())

    @property
    def labels(self) -> LabelSpace:
        """The objects' label space."""
        return self._dataset.labels

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Sample:
        sample = self._dataset[index]
        turn = self._turn(index)
        order = self._fields[turn:] + self._fields[:turn]
        kept = next((name for name in order if getattr(sample, name) is not None), None)
        return sample.only([] if kept is None else [kept])

    def draws(
        self, batch: int, seed: int, start: int, stop: int, factors: NDArray[np.float64] | None = None
    ) -> Iterator[list[Draw]]:
        """Yield the samples of iterations start … stop - 1; see `Mixture.draws`.

        Args:
            batch: Pictures of an iteration.
            seed: Decides draws and orders.
            start: First iteration.
            stop: One past the last.
            factors: (N,) how often each sample comes in an epoch of its turn; None: once.
        """
        turns: list[list[int]] = [[] for _ in self._fields]
        for index in range(len(self)):
            turns[self._turn(index)].append(index)
        counts = [len(own) for own in turns if own]
        row = [index for own in turns for index in own]
        repeats = None
        if factors is not None:
            repeats = [Repeats(own) for own in np.split(factors[row], list(accumulate(counts))[:-1])]
        for drawn in mixed_draws(counts, counts, self.batches, batch, seed, start, stop, repeats):
            yield [(epoch, row[position]) for epoch, position in drawn]

    def _turn(self, index: int) -> int:
        """The position among all tasks of the one whose turn a sample is."""
        # Consecutive samples may be of kinds that come round (the toy world's scenes do): the cycle is shifted by one
        # each time round, so that each task meets all of them.
        return (index + index // len(self._fields)) % len(self._fields)

    def name(self, index: int) -> str:
        """The sample's name, without reading it."""
        return self._dataset.name(index)

    def stored_size(self, index: int) -> tuple[int, int] | None:
        """The sample's size; see `size_of`."""
        return size_of(self._dataset, index)
