"""A data set as if nobody had labelled any of its pictures for more than one task."""

from sceneparse.data.sample import DataSet, Sample, Task
from sceneparse.labels import LabelSpace, TaskLabels


class SplitAnnotation:
    """A data set whose samples keep their labels for one task each, in turn; see `DataSet`.

    Where a sample has no label for the task whose turn it is, the next task that it is labelled for takes its place.

    Args:
        dataset: The whole.
    """

    def __init__(self, dataset: DataSet) -> None:
        self._dataset = dataset
        self.tasks: TaskLabels = dataset.tasks
        spaces: dict[Task, object] = {
            "objects": self.tasks.objects,
            "parts": self.tasks.tree,
            "scene": self.tasks.scenes,
            "materials": self.tasks.materials,
            "textures": self.tasks.textures,
        }
        self._fields = tuple(name for name, space in spaces.items() if space is not None)

    @property
    def labels(self) -> LabelSpace:
        """The objects' label space."""
        return self._dataset.labels

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Sample:
        sample = self._dataset[index]
        turns = len(self._fields)
        # Consecutive samples may be of kinds that come round (the toy world's scenes do): the cycle is shifted by one
        # each time round, so that each task meets all of them.
        first = index + index // turns
        order = (self._fields[(first + step) % turns] for step in range(turns))
        kept = next((name for name in order if getattr(sample, name) is not None), None)
        return sample.only([] if kept is None else [kept])

    def name(self, index: int) -> str:
        """The sample's name, without reading it."""
        return self._dataset.name(index)
