"""Class weights of the loss: fixed numbers, or weights counted from the training split."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from sceneparse.data.class_changes import ClassChanges
from sceneparse.data.class_counts import ClassCounts
from sceneparse.errors import UserError
from sceneparse.files import write_json
from sceneparse.training.prepare import Prepared
from sceneparse.training.wishes import refuse_unfit_weights
from sceneparse.weights.architectures import architecture_of

FILE = "class_weights.json"
"""In the run folder: the weights that were counted, by the class's name."""

MEDIAN: Final = "median"
"""What `loss.class_weights` says where they follow from counts."""

CHANGES = "class_changes.json"
"""In the run folder: what became of the data set's own classes, where `data.classes` merges, drops or renames some."""


def load_class_weights(prepared: Prepared, out: Path, counts: ClassCounts | None) -> Tensor | None:
    """Return the classes' weights (C,) on the device; None for 1 each.

    Those that follow from counts are kept in class_weights.json of the run folder: a training that goes on reads them
    there.

    Args:
        prepared: The training.
        out: Its run folder.
        counts: The counts of the training split, where `load_class_counts` made some.

    Raises:
        UserError: As `fixed_weights`, or a sample has no objects and the network learns nothing else.
    """
    fabric, dataset = prepared.compute.fabric, prepared.data.training
    names, setting = dataset.labels.names, prepared.recipe.loss.class_weights
    if setting is None:
        return None
    if setting != MEDIAN:
        return fixed_weights(setting, names).to(fabric.device)
    path = out / FILE
    if fabric.is_global_zero and are_counted(prepared, out):
        assert counts is not None
        if not counts.labelled.all() and not architecture_of(prepared.recipe.network).learns_tasks:
            name = dataset.name(int(counts.labelled.argmin()))
            raise UserError(f"sample '{name}' has no object labels: training needs a mask for each picture")
        write_json(path, dict(zip(names, median_frequency_weights(counts).tolist(), strict=True)))
    fabric.barrier()
    return torch.tensor(list(json.loads(path.read_text(encoding="utf-8")).values()), device=fabric.device)


def are_counted(prepared: Prepared, out: Path) -> bool:
    """Whether the weights of a training follow from counts of its classes that have yet to be made."""
    if prepared.recipe.loss.class_weights != MEDIAN:
        return False
    return prepared.checkpoint is None or not (out / FILE).exists()


def write_changes(changed: ClassChanges, out: Path) -> None:
    """Write class_changes.json into a run folder: what became of each of the data set's own classes."""
    write_json(out / CHANGES, {"classes": [change.to_json() for change in changed.changes()]})


def fixed_weights(weights: Sequence[float], names: Sequence[str]) -> Tensor:
    """Return class weights as a recipe lists them.

    Raises:
        UserError: Not one non-negative number for each class, or all are zero.
    """
    refuse_unfit_weights(weights, names)
    return torch.tensor(weights, dtype=torch.float32)


def median_frequency_weights(counts: ClassCounts) -> Tensor:
    """Return the weights of median frequency balancing (Eigen & Fergus, ICCV 2015, section 6.3.2; used by SegNet).

    A class's frequency is its pixels divided by all that count in the pictures where it occurs; its weight is the
    median of the frequencies divided by its own. Classes that never occur have weight 1: no pixel carries it.

    Args:
        counts: The counts of the training split, of which at least one class occurs.

    Returns:
        (C,) float32.
    """
    occurs = counts.totals > 0
    frequency = torch.from_numpy(counts.totals[occurs] / counts.beside[occurs])
    weights = torch.ones(len(counts.names))
    weights[torch.from_numpy(occurs)] = (frequency.quantile(0.5) / frequency).float()
    return weights
