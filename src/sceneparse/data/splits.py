"""Take some samples of a split, or join several splits into one."""

from bisect import bisect_right
from collections.abc import Hashable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

from sceneparse.data.sample import DataSet, Sample, Stored, doubts_of, identity_of, notes_of, size_of, stored_of
from sceneparse.labels import LabelSpace, TaskLabels


class SomeSamples:
    """Some samples of a data set; see `DataSet`.

    Args:
        dataset: The whole.
        chosen: Their indices.
        note: What is to be said of the choice.
    """

    def __init__(self, dataset: DataSet, chosen: Sequence[int], note: str | None = None) -> None:
        self.tasks: TaskLabels = dataset.tasks
        self.notes = (*notes_of(dataset), *([note] if note else []))
        self._dataset, self._chosen = dataset, chosen

    @property
    def labels(self) -> LabelSpace:
        """The objects' label space."""
        return self._dataset.labels

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, index: int) -> Sample:
        return self._dataset[self._chosen[index]]

    def name(self, index: int) -> str:
        """The sample's name, without reading it."""
        return self._dataset.name(self._chosen[index])

    def stored(self, index: int) -> Stored | None:
        """What a sample is stored in; see `stored_of`."""
        return stored_of(self._dataset, self._chosen[index])

    def identity(self, index: int) -> Hashable | None:
        """What a sample is; see `identity_of`."""
        return identity_of(self._dataset, self._chosen[index])

    def stored_size(self, index: int) -> tuple[int, int] | None:
        """The sample's size; see `size_of`."""
        return size_of(self._dataset, self._chosen[index])

    def doubts(self) -> tuple[Any, ...]:
        """What the data doctor asks the whole for; see `doubts_of`."""
        return doubts_of(self._dataset)


class JoinedSplits:
    """Several splits of one data set as one; see `DataSet`.

    Args:
        names: The splits' names, which begin the samples' names.
        splits: The splits, of one label space.
    """

    def __init__(self, names: Sequence[str], splits: Sequence[DataSet]) -> None:
        self.tasks: TaskLabels = splits[0].tasks
        self.notes = tuple(dict.fromkeys(note for split in splits for note in notes_of(split)))
        self._names = tuple(names)
        self._splits = tuple(splits)
        self._ends = list(accumulate(len(split) for split in splits))

    @property
    def labels(self) -> LabelSpace:
        """The objects' label space."""
        return self._splits[0].labels

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Sample:
        split, inside = self._locate(index)
        sample = self._splits[split][inside]
        return replace(sample, name=f"{self._names[split]}/{sample.name}")

    def name(self, index: int) -> str:
        """The sample's name, without reading it."""
        split, inside = self._locate(index)
        return f"{self._names[split]}/{self._splits[split].name(inside)}"

    def identity(self, index: int) -> Hashable | None:
        """What a sample is; see `identity_of`."""
        split, inside = self._locate(index)
        return identity_of(self._splits[split], inside)

    def stored_size(self, index: int) -> tuple[int, int] | None:
        """The sample's size; see `size_of`."""
        split, inside = self._locate(index)
        return size_of(self._splits[split], inside)

    def doubts(self) -> tuple[Any, ...]:
        """What the data doctor is told of any of the splits; see `doubts_of`."""
        return tuple(dict.fromkeys(doubt for split in self._splits for doubt in doubts_of(split)))

    def _locate(self, index: int) -> tuple[int, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        split = bisect_right(self._ends, index)
        return split, index - (self._ends[split - 1] if split else 0)
