"""The truth of a batch, and how much of it counts: what losses are divided by."""

from typing import NamedTuple

import torch
from torch import Tensor

from sceneparse.data.batch import Batch
from sceneparse.data.part_channels import part_channels
from sceneparse.devices.sums import widest
from sceneparse.labels import IGNORE, PartTree
from sceneparse.tasks import Task
from sceneparse.training.losses.pixels import pixels_by_class

TASK_LOSSES = (Task.OBJECT, Task.PART, Task.SCENE, Task.MATERIAL, Task.TEXTURE)
"""The tasks in the order in which their losses are added up and written."""


class Targets(NamedTuple):
    """The truth of a batch; None for a task that is not trained on.

    Args:
        objects: (N, H, W) class indices, `IGNORE` where unknown, as in the others.
        scenes: (N,).
        parts: (N, H, W) channels of the part head.
        materials: (N, H, W).
        textures: (N, H, W).
    """

    objects: Tensor
    scenes: Tensor | None = None
    parts: Tensor | None = None
    materials: Tensor | None = None
    textures: Tensor | None = None

    @classmethod
    def of(cls, batch: Batch, tree: PartTree | None) -> "Targets":
        """Return a batch's truth, where the batch is."""
        parts, owners = batch.parts, batch.owners
        return cls(
            objects=batch.objects,
            scenes=batch.scenes,
            parts=None if parts is None or owners is None or tree is None else part_channels(owners, parts, tree),
            materials=batch.materials,
            textures=batch.textures,
        )

    def chunk(self, count: int) -> list["Targets"]:
        """Cut into so many chunks of equal size, one after the other."""
        pieces = [[None] * count if target is None else target.chunk(count) for target in self]
        return [Targets(*piece) for piece in zip(*pieces, strict=True)]


class Amounts(NamedTuple):
    """How much of a batch is labelled for each task: what its losses are divided by.

    Args:
        values: Of the device's `widest` type: the weight of labelled object pixels; then the number of labelled scenes,
            material pixels and texture pixels, and of pixels of each object that has parts; the first alone with one
            task.
        owners: Which of the objects with parts (by their position in `PartTree.owners`) may be labelled in this
            process's share of the batch; None: not known before the truth itself is looked at.
    """

    values: Tensor
    owners: tuple[int, ...] | None = None

    @classmethod
    def of(cls, targets: Targets, class_weights: Tensor | None, tree: PartTree | None) -> "Amounts":
        """Return the amounts of a batch, or of a chunk of it."""
        objects = counted(targets.objects, class_weights)
        if all(target is None for target in targets[1:]):
            return cls(objects[None])
        known = [
            objects.new_zeros(()) if target is None else (target != IGNORE).sum().to(objects.dtype)
            for target in (targets.scenes, targets.materials, targets.textures)
        ]
        values = torch.stack([objects, *known])
        if targets.parts is None or tree is None:
            return cls(values)
        channels = pixels_by_class(targets.parts.flatten()[None], len(tree.channels))
        owners = [block.sum().to(values.dtype) for block in channels.split(list(tree.sizes))]
        return cls(torch.cat([values, torch.stack(owners)]))

    @property
    def objects(self) -> Tensor:
        """The weight of the labelled object pixels, at least 1e-12."""
        return self.values[0].clamp(min=1e-12)

    def labelled(self) -> tuple[str, ...]:
        """Return the tasks, by the names of `TASK_LOSSES`, that anything is labelled for."""
        known = dict(
            zip((Task.OBJECT, Task.SCENE, Task.MATERIAL, Task.TEXTURE), (self.values[:4] > 0).tolist(), strict=False)
        )
        known[Task.PART] = bool((self.values[4:] > 0).any())
        return tuple(name for name in TASK_LOSSES if known.get(name, False))


def counted(target: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Return how much of a target counts: its pixels that are not `IGNORE`, each by its class's weight.

    A scalar of the device's `widest` type. With it the losses of a batch's chunks are put together to the loss of the
    whole.
    """
    wide = widest(target.device)
    if class_weights is None:
        return (target != IGNORE).sum(dtype=wide)
    pixels = pixels_by_class(target.flatten()[None], len(class_weights))
    return (pixels.to(wide) * class_weights.to(wide)).sum()
