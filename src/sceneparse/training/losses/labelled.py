"""What a batch is labelled for, found in main memory: a device that is asked must be waited for."""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from sceneparse.data.batch import Batch
from sceneparse.labels import IGNORE, PartTree
from sceneparse.tasks import Task


class Labelled(NamedTuple):
    """What a batch in main memory is labelled for.

    Args:
        tasks: The tasks.
        owners: Which of the objects with parts (by their position in `PartTree.owners`) show one of them.
    """

    tasks: tuple[str, ...]
    owners: tuple[int, ...]


def labelled_in(batch: Batch, tree: PartTree | None, class_weights: tuple[float, ...] | None) -> Labelled:
    """Return what a batch is labelled for, as `Amounts.labelled` says it of the amounts that are on a device.

    Args:
        batch: The batch, in main memory.
        tree: Which object can have which parts, if parts are learnt.
        class_weights: Weights of the objects' classes: pixels of weight 0 don't count.
    """
    owners = () if tree is None else _owners(batch.owners, batch.parts, tree)
    found = {
        Task.OBJECT: _counts(batch.objects, class_weights),
        Task.PART: bool(owners),
        Task.SCENE: batch.scenes is not None and bool((batch.scenes != IGNORE).any()),
        Task.MATERIAL: _any(batch.materials),
        Task.TEXTURE: _any(batch.textures),
    }
    return Labelled(tuple(task for task, known in found.items() if known), owners)


def _any(target: Tensor | None) -> bool:
    """Whether anything is labelled: mostly the first picture says so."""
    return target is not None and any(int(one.max()) != IGNORE for one in target)


def _counts(objects: Tensor, class_weights: tuple[float, ...] | None) -> bool:
    if class_weights is None or min(class_weights) > 0:
        return _any(objects)
    counts = np.array([*(weight > 0 for weight in class_weights), False])
    return any(bool(counts.take(one.numpy()).any()) for one in objects)


def _owners(owners: Tensor | None, parts: Tensor | None, tree: PartTree) -> tuple[int, ...]:
    if owners is None or parts is None:
        return ()
    # For each channel the position of its object, and for "no part" and what is unknown the last entry.
    nothing = len(tree.owners)
    position = np.full(len(tree.channels) + 1, nothing)
    for number, (offset, size) in enumerate(zip(tree.offsets, tree.sizes, strict=True)):
        position[offset + 1 : offset + size] = number
    of = position[tree.table]
    shown = np.zeros(nothing + 1, dtype=bool)
    for own, part in zip(owners.numpy(), parts.numpy(), strict=True):
        if part.max() != IGNORE:
            shown[of[own, part]] = True
    return tuple(np.flatnonzero(shown[:nothing]).tolist())
