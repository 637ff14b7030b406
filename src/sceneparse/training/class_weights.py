"""Class weights of the loss: fixed numbers, or weights counted from the training split."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from sceneparse.data import DataSet
from sceneparse.data.class_changes import ClassChanges, changes_in
from sceneparse.errors import UserError, counted
from sceneparse.files import write_json
from sceneparse.labels import IGNORE
from sceneparse.progress import progress_bar
from sceneparse.training.prepare import Prepared

FILE = "class_weights.json"
"""In the run folder: the weights that were counted, by the class's name."""


CHANGES = "class_changes.json"
"""In the run folder: what became of the data set's own classes, where `data.classes` merges, drops or renames some."""


def load_class_weights(prepared: Prepared, out: Path) -> Tensor | None:
    """Return the classes' weights (C,) on the device; None for 1 each.

    Those that are counted are kept in class_weights.json of the run folder: a training that goes on reads them there.

    Args:
        prepared: The training.
        out: Its run folder.

    Raises:
        UserError: As `fixed_weights` and `median_frequency_weights`.
    """
    fabric, dataset = prepared.compute.fabric, prepared.data.training
    names, setting = dataset.labels.names, prepared.recipe.loss.class_weights
    if setting is None:
        return None
    if setting != "median":
        return fixed_weights(setting, names).to(fabric.device)
    path = out / FILE
    if fabric.is_global_zero and (prepared.checkpoint is None or not path.exists()):
        changed = changes_in(dataset)
        if changed is not None:
            changed.count()
        weights = median_frequency_weights(dataset, len(names), progress=True)
        if changed is not None:
            write_changes(changed, out)
            changed.pixels = None
        write_json(path, dict(zip(names, weights.tolist(), strict=True)))
    fabric.barrier()
    return torch.tensor(list(json.loads(path.read_text(encoding="utf-8")).values()), device=fabric.device)


def write_changes(changed: ClassChanges, out: Path) -> None:
    """Write class_changes.json into a run folder: what became of each of the data set's own classes."""
    write_json(out / CHANGES, {"classes": [change.to_json() for change in changed.changes()]})


def fixed_weights(weights: Sequence[float], names: Sequence[str]) -> Tensor:
    """Return class weights as a recipe lists them.

    Raises:
        UserError: Not one non-negative number for each class, or all are zero.
    """
    if len(weights) != len(names):
        raise UserError(
            f"loss.class_weights has {counted(len(weights), 'number')}, but there are {len(names)} classes: "
            "give one each"
        )
    if min(weights) < 0 or max(weights) == 0 or not all(map(math.isfinite, weights)):
        raise UserError("loss.class_weights must be numbers of 0 or more, one of them at least above 0")
    return torch.tensor(weights, dtype=torch.float32)


def median_frequency_weights(dataset: DataSet, num_classes: int, *, progress: bool = False) -> Tensor:
    """Return the weights of median frequency balancing (Eigen & Fergus, ICCV 2015, section 6.3.2; used by SegNet).

    A class's frequency is its pixels divided by all that count in the pictures where it occurs; its weight is the
    median of the frequencies divided by its own. Classes that never occur have weight 1: no pixel carries it.

    Args:
        dataset: The training split; each mask is read once.
        num_classes: Number of classes C.
        progress: Whether to show a progress bar.

    Returns:
        (C,) float32.

    Raises:
        UserError: A sample has no objects, or no pixel of the whole split counts.
    """
    pixels = torch.zeros(num_classes, dtype=torch.int64)
    pictures_pixels = torch.zeros(num_classes, dtype=torch.int64)
    with progress_bar(progress, len(dataset), "counting classes") as advance:
        for index in range(len(dataset)):
            sample = dataset[index]
            if sample.objects is None:
                raise UserError(f"sample '{sample.name}' has no object labels: training needs a mask for each picture")
            counts = torch.bincount(sample.objects[sample.objects != IGNORE].long(), minlength=num_classes)
            pixels += counts
            pictures_pixels += (counts > 0) * counts.sum()
            advance()
    occurs = pixels > 0
    if not occurs.any():
        raise UserError('the training split has no labelled pixel, so "median" class weights have no meaning')
    frequency = pixels[occurs].double() / pictures_pixels[occurs]
    weights = torch.ones(num_classes)
    weights[occurs] = (frequency.quantile(0.5) / frequency).float()
    return weights
