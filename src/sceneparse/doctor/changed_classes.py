"""The doctor on a data set whose classes are changed: what became of each, and its count."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from sceneparse.data.class_changes import Change, ClassChanges, changes_of
from sceneparse.data.sample import Sample
from sceneparse.doctor.pair_facts import Facts
from sceneparse.labels import IGNORE, LabelSpace, TaskLabels
from sceneparse.settings import DataSettings


class Changed:
    """What `data.classes` makes of the classes of a data set that was read with its own.

    Args:
        settings: Kind and place of the data set, and what becomes of its classes.
        tasks: Its own label spaces.

    Raises:
        UserError: The settings name classes that it doesn't have.
    """

    def __init__(self, settings: DataSettings, tasks: TaskLabels) -> None:
        what = f"kind {settings.kind}" if settings.root is None else str(settings.root)
        classes = settings.classes
        self._changes = ClassChanges(
            _NoSamples(tasks), classes.renames(), what, mirror=classes.mirror, colors=classes.drawn()
        )
        self.before, self.tasks = tasks, self._changes.tasks

    def facts(self, task: str, facts: Facts) -> Facts:
        """Return what is known about a sample with its pixels counted by the classes that there are now."""
        indices = self._changes.indices[task]
        pixels = np.zeros(max(indices) + 1, dtype=np.int64)
        dropped = 0
        for index, count in zip(indices, facts.pixels.tolist(), strict=True):
            if index == IGNORE:
                dropped += count
            else:
                pixels[index] += count
        return replace(facts, pixels=pixels, ignored=facts.ignored + dropped)

    def table(self, facts: Mapping[str, Sequence[Facts]]) -> tuple[Change, ...]:
        """Return what became of every class, with the pixels that it had.

        Args:
            facts: For each task what is known about all samples, by the data set's own classes.
        """
        pixels = {task: np.sum([fact.pixels for fact in own], axis=0) for task, own in facts.items() if own}
        return tuple(changes_of(self._changes, pixels))


class _NoSamples:
    """A data set of which only the classes are known; see `DataSet`."""

    def __init__(self, tasks: TaskLabels) -> None:
        self.tasks = tasks

    @property
    def labels(self) -> LabelSpace:
        assert self.tasks.objects is not None
        return self.tasks.objects

    def __len__(self) -> int:
        return 0

    def __getitem__(self, index: int) -> Sample:
        raise IndexError(f"sample {index} of none")

    def __iter__(self) -> Iterator[Sample]:
        return iter(())

    def name(self, index: int) -> str:
        raise IndexError(f"sample {index} of none")
