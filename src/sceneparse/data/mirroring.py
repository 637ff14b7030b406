"""Mirror training samples from left to right, their labels with their pictures: a left door becomes a right one."""

from dataclasses import replace

import torch
from torch import Tensor

from sceneparse.data.sample import DataSet, Sample, tasks_of
from sceneparse.labels import IGNORE, LabelSpace, TaskLabels
from sceneparse.tasks import MAPS, Task


class Mirror:
    """Mirrors samples of a data set.

    Args:
        tasks: The data set's label spaces, which list what a mirror image turns into each other.
    """

    def __init__(self, tasks: TaskLabels) -> None:
        spaces = tasks.spaces()
        self._tables: dict[str, Tensor] = {
            task.truth: table
            for task in MAPS
            if task is not Task.PART and task in spaces and (table := mirror_table(spaces[task])) is not None
        }
        if (owners := self._tables.get(Task.OBJECT.truth)) is not None:
            self._tables["owners"] = owners
        parts = None if tasks.tree is None else tasks.tree.mirror_table
        self._parts = None if parts is None else torch.from_numpy(parts)
        self._scenes = None if tasks.scenes is None else mirror_table(tasks.scenes)

    @classmethod
    def of(cls, dataset: DataSet) -> "Mirror":
        """Return what mirrors a data set's samples."""
        return cls(tasks_of(dataset) or TaskLabels(dataset.labels))

    def __call__(self, sample: Sample) -> Sample:
        """Return the mirror image of a sample, a copy."""
        masks = sample.masks()
        turned = {name: self._labels(name, mask, masks).flip(-1) for name, mask in masks.items()}
        found = sample.with_images(sample.image.flip(-1), turned)
        if sample.scene is None or self._scenes is None:
            return found
        scene = int(self._scenes[sample.scene])
        return replace(found, scene=None if scene == IGNORE else scene)

    def _labels(self, name: str, mask: Tensor, masks: dict[str, Tensor]) -> Tensor:
        """What a label map becomes, before it is turned."""
        if name == Task.PART.truth and self._parts is not None:
            owners = masks.get("owners", masks.get(Task.OBJECT.truth))
            return self._parts[IGNORE if owners is None else owners.long(), mask.long()]
        table = self._tables.get(name)
        return mask if table is None else table[mask.long()]


def mirror_table(space: LabelSpace) -> Tensor | None:
    """Return (classes + 1,) int16, the class of each class in a mirror image; None: all stay what they are.

    It is `IGNORE` for index -1 and for classes whose mirror images are none of the classes.
    """
    if not space.mirror:
        return None
    table = torch.tensor([*(space.mirror_image or range(len(space))), IGNORE], dtype=torch.int16)
    table[list(space.without_mirror_image)] = IGNORE
    return table
