"""Take a training's steps on random pictures: to find what fits, what a device lacks, and how long a step takes."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from sceneparse.data import DataSet
from sceneparse.data.augment import Plan, planned
from sceneparse.data.batch import Batch
from sceneparse.data.device_augment import Windows
from sceneparse.data.loader import holds_bytes
from sceneparse.data.mirroring import mirror_table
from sceneparse.data.sample import Sample, size_of
from sceneparse.networks.exact.reading import reads_are_free
from sceneparse.settings import AugmentationSettings
from sceneparse.tasks import MAPS, Task
from sceneparse.training.averaging import begin_average
from sceneparse.training.prepare import Prepared
from sceneparse.training.recipe_losses import RecipeLosses
from sceneparse.training.step import Step, compute_gradients, graph_of, update_weights

PICTURES, DRAWS = 16, 16
"""Pictures of the training split whose sizes are looked at, and random changes that are drawn for each."""


class RandomSteps:
    """The steps of a training, in all that takes time and memory.

    That is its losses, the moving average of its weights, and batches in the form that the loader gives them. The
    network learns from them; within `undone` nothing of that stays.

    Args:
        prepared: The training, before its first step.
        graphed: Whether they are recorded as a graph where the recipe asks for it: then all are of one size.
    """

    def __init__(self, prepared: Prepared, *, graphed: bool = False) -> None:
        self._prepared = prepared
        weights = None
        if prepared.recipe.loss.class_weights is not None:
            weights = torch.ones(len(prepared.data.labels), device=prepared.compute.fabric.device)
        self._losses = RecipeLosses.prepared(prepared, weights)
        self._graph = graph_of(prepared, self._losses) if graphed else None
        self._average = begin_average(prepared)
        self._done = 0
        self._last: Step | None = None

    def take(self, size: int) -> Step:
        """Take a step on other random pictures.

        Args:
            size: Pictures over all processes and chunks.
        """
        return self(random_batch(self._prepared, size // self._prepared.compute.processes.world))

    def __call__(self, batch: Batch | Windows) -> Step:
        """Take a step.

        Args:
            batch: This process's share of the batch, as the loader gives it.
        """
        step = compute_gradients(self._prepared, self._losses, batch, 0, graph=self._graph)
        # Whether a loss is finite the training asks when it does (`LossCheck`), and is made to wait for it.
        looked_at = self._last if self._prepared.learner.deferred else step
        if looked_at is not None:
            _ = looked_at.finite
        update_weights(self._prepared, step)
        self._done += 1
        if self._average is not None:
            self._average.update(self._done)
        self._last = step
        return step


def random_batch(prepared: Prepared, size: int) -> Batch | Windows:
    """Return random pictures, as the loader gives a training its pictures: labelled at random for all that it learns.

    Of changes that are made on the device, those that take the most memory.

    Args:
        prepared: The training; `augmentation.crop` must be set.
        size: Number of pictures.
    """
    recipe, device, chance = prepared.recipe, prepared.compute.fabric.device, torch.Generator().manual_seed(0)
    assert recipe.augmentation.crop is not None
    labels, tasks = prepared.data.labels, prepared.data.tasks
    narrow = not reads_are_free(device)
    bytes_alone = narrow and tasks is None and holds_bytes(labels)

    def pixels(shape: tuple[int, ...]) -> Tensor:
        return torch.randint(0, 256, shape, generator=chance, dtype=torch.uint8)

    def classes(count: int, shape: tuple[int, ...], dtype: torch.dtype = torch.int16) -> Tensor:
        return torch.randint(0, count, shape, generator=chance, dtype=dtype)

    batch: Batch | Windows
    if recipe.data.augment_on == "device":
        plans = _largest(_sizes(prepared.data.training), recipe.augmentation)
        items = []
        for index in range(size):
            picture, plan = plans[index if index < len(plans) else 0]
            objects = classes(len(labels), picture)
            items.append((index, Sample(pixels((recipe.backbone.in_channels, *picture)), objects), plan))
        mean, mirror = recipe.preprocessing.mean, mirror_table(labels)
        batch = Windows.of(items, recipe.augmentation, mean, narrow=bytes_alone, mirror=mirror)
    else:
        shape = (size, *recipe.augmentation.crop)
        objects = classes(len(labels), shape, torch.uint8 if bytes_alone else torch.int16)
        others: dict[str, Tensor] = {}
        if tasks is not None:
            spaces = {task: space for task, space in tasks.spaces().items() if task is not Task.OBJECT}
            others = {task.truth: classes(len(space), shape) for task, space in spaces.items() if task in MAPS}
            if Task.SCENE in spaces:
                others["scenes"] = classes(len(spaces[Task.SCENE]), (size,), torch.int64)
            if Task.PART in spaces:
                others["owners"] = objects
        nobody = ("",) * size
        images = pixels((size, recipe.backbone.in_channels, *recipe.augmentation.crop))
        batch = Batch(images, objects, nobody, nobody, (0,) * size, **others)
    return batch.pin_memory() if device.type == "cuda" else batch


def _sizes(dataset: DataSet) -> list[tuple[int, int]]:
    """The heights and widths of some pictures, evenly spaced."""
    indices = np.unique(np.linspace(0, len(dataset) - 1, PICTURES).round().astype(int)).tolist()
    return [size_of(dataset, index) or dataset[index].size for index in indices]


Chosen = tuple[tuple[int, int], Plan]
"""A picture's height and width, and what becomes of it."""


def _largest(sizes: Iterable[tuple[int, int]], settings: AugmentationSettings) -> list[Chosen]:
    """Of many random changes the one that takes the most of a picture, and the one that makes the largest.

    All pictures of a batch are given the size of the largest: with all others like the first, it takes the most memory.
    """
    chance = np.random.default_rng(0)
    # No label maps are there to be looked at.
    settings = replace(settings, cat_max_ratio=1.0)
    found: list[Chosen] = []
    for size in sizes:
        sample = Sample(torch.zeros(1, dtype=torch.uint8).expand(1, *size))
        found += [(size, planned(sample, settings, chance)) for _ in range(DRAWS)]

    def stored(one: Chosen) -> int:
        rows, columns, _, _ = one[1]
        return (rows.stop - rows.start) * (columns.stop - columns.start)

    return [max(found, key=stored), max(found, key=lambda one: one[1].rows.size * one[1].columns.size)]
