"""Choose the classes that occur often enough in a joint set (Xiao et al., ECCV 2018, section 2.1)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sceneparse.data.sample import Sample
from sceneparse.datasets.broden.tables import BrodenTables
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE, LabelSpace, PartTree, TaskLabels
from sceneparse.labels.mirroring import surviving
from sceneparse.standard.tables import NOTHING, OFFSET
from sceneparse.tasks import Task

COUNTED = (Task.OBJECT, Task.MATERIAL, Task.TEXTURE)
"""The categories that are counted in pixels; parts are counted by object."""


@dataclass(frozen=True)
class Counts:
    """How often classes occur.

    Args:
        pictures: Pictures that show each class, by category ("object", "material", "texture", "scene").
        pixels: Its pixels, by category (all but "scene").
        part_pictures: (objects, parts) pictures that show this part of this object.
    """

    pictures: dict[str, NDArray[np.int64]]
    pixels: dict[str, NDArray[np.int64]]
    part_pictures: NDArray[np.int64]


def count(samples: Iterable[Sample], tasks: TaskLabels) -> Counts:
    """Count the classes of samples."""
    sizes: dict[str, int] = {category: len(tasks.space(category) or ()) for category in (*COUNTED, Task.SCENE)}
    pictures = {category: np.zeros(size, dtype=np.int64) for category, size in sizes.items()}
    pixels: dict[str, NDArray[np.int64]] = {category: np.zeros(sizes[category], dtype=np.int64) for category in COUNTED}
    parts = len(tasks.parts) if tasks.parts else 0
    pairs = np.zeros((sizes[Task.OBJECT], parts), dtype=np.int64)
    for sample in samples:
        masks = {name: mask.numpy() for name, mask in sample.masks().items()}
        for category in COUNTED:
            if category.truth in masks:
                own = np.bincount((masks[category.truth] - IGNORE).ravel(), minlength=sizes[category] + 1)[1:]
                pixels[category] += own
                pictures[category] += own > 0
        if Task.PART.truth in masks:
            shown = masks[Task.PART.truth] != IGNORE
            objects = masks[Task.OBJECT.truth][shown].astype(np.int64)
            parts_shown = masks[Task.PART.truth][shown]
            pairs.ravel()[np.unique(objects * parts + parts_shown)] += 1
        if sample.scene is not None:
            pictures[Task.SCENE][sample.scene] += 1
    return Counts(pictures, pixels, pairs)


def choose(
    tables: BrodenTables, counts: Counts, *, min_pictures: int, min_pixels: int, part_pictures: int
) -> BrodenTables:
    """Make tables of the classes that occur often enough; all others become "unlabelled".

    Args:
        tables: Tables of all classes.
        counts: How often they occur.
        min_pictures: Objects and materials that fewer pictures show are dropped.
        min_pixels: Objects and materials of fewer pixels are dropped.
        part_pictures: An object's part that fewer pictures show is dropped, and a part that no object keeps.
            Scenes and textures are dropped that no picture shows.

    Raises:
        UserError: No object, or nothing at all, is left.
    """
    tasks = tables.tasks
    enough = {
        category: (counts.pictures[category] >= min_pictures) & (counts.pixels[category] >= min_pixels)
        for category in (Task.OBJECT, Task.MATERIAL)
    }
    kept = {category: _indices(mask & (counts.pictures[category] > 0)) for category, mask in enough.items()}
    kept |= {category: _indices(counts.pictures[category] > 0) for category in (Task.SCENE, Task.TEXTURE)}
    frequent = counts.part_pictures >= max(1, part_pictures)
    trees = tasks.tree.children if tasks.tree else ()
    children = [[part for part in trees[index] if frequent[index, part]] for index in kept[Task.OBJECT]]
    kept[Task.PART] = sorted({part for own in children for part in own})
    if not any(kept.values()):
        raise UserError("no class occurs often enough to be kept; lower the least numbers of pictures and pixels")
    objects, parts = _some(tasks.objects, kept[Task.OBJECT]), _some(tasks.parts, kept[Task.PART])
    tree = None
    if objects and parts:
        position = {part: number for number, part in enumerate(kept[Task.PART])}
        tree = PartTree(objects, parts, tuple(tuple(position[part] for part in own) for own in children))
    chosen = TaskLabels(
        objects, _some(tasks.scenes, kept[Task.SCENE]), tree, _some(tasks.materials, kept[Task.MATERIAL]),
        _some(tasks.textures, kept[Task.TEXTURE]),
    )  # fmt: skip
    new_label: dict[str, dict[int, int]] = {
        category: {old + OFFSET[category]: new + OFFSET[category] for new, old in enumerate(indices)}
        for category, indices in kept.items()
    }
    assignments = []
    for row in tables.assignments:
        label = new_label[row.category].get(row.label)
        dropped = OFFSET[row.category] - 1
        assignments.append(replace(row, label=dropped, name=NOTHING) if label is None else replace(row, label=label))
    return BrodenTables(chosen, tuple(assignments))


def _indices(mask: NDArray[np.bool_]) -> list[int]:
    return [int(index) for index in np.flatnonzero(mask)]


def _some(space: LabelSpace | None, indices: Sequence[int]) -> LabelSpace | None:
    if not space or not indices:
        return None
    names = tuple(space.names[index] for index in indices)
    return LabelSpace(names, mirror=surviving(space.mirror, names))
