"""Name the classes of a checkpoint, whose weights know only how many there are."""

from pathlib import Path

from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace, PartTree, TaskLabels
from sceneparse.settings import NetworkSettings
from sceneparse.standard import standard_labels
from sceneparse.standard.tables import released_tasks
from sceneparse.weights.importing.reading import Checkpoint
from sceneparse.weights.tasks import are_fit, learnt_tasks

STANDARD = {150: "ade20k-150", 21: "voc-21", 19: "cityscapes-19", 336: "broden-objects"}
"""The data sets that published checkpoints were trained on, by their number of classes; see `sceneparse.standard`."""


def name_classes(checkpoint: Checkpoint, num_classes: int, labels: Path | None) -> tuple[LabelSpace, str]:
    """Return the classes' names and, for people, where these come from.

    Args:
        checkpoint: The checkpoint, which may give them itself.
        num_classes: How many it has.
        labels: The user's classes.json, which is believed before anything else.

    Raises:
        UserError: The file has another number of classes than the checkpoint.
    """
    if labels is not None:
        space = LabelSpace.read(labels)
        if len(space) != num_classes:
            raise UserError(f"{labels}: names {len(space)} classes, but the checkpoint has {num_classes}")
        return space, f"from {labels}"
    standard = STANDARD.get(num_classes)
    if checkpoint.class_names is not None and len(checkpoint.class_names) == num_classes:
        if standard is not None and standard_labels(standard).names == checkpoint.class_names:
            return standard_labels(standard), f"given in the checkpoint: {standard}"
        colors = checkpoint.palette if len(checkpoint.palette or ()) == num_classes else None
        return LabelSpace(checkpoint.class_names, colors or ()), "given in the checkpoint"
    if standard is not None:
        why = f"assumed to be {standard}, since there are {num_classes}; others are given by importing with --labels"
        return standard_labels(standard), why
    names = tuple(f"class {index}" for index in range(num_classes))
    return LabelSpace(names), "unknown, so they are only numbered; import it with --labels to name them"


def name_tasks(objects: LabelSpace, network: NetworkSettings) -> TaskLabels | None:
    """Return the classes of a unified network's other tasks if their numbers are the release's; None otherwise.

    Args:
        objects: The objects' classes, whatever they are called.
        network: The network's heads.
    """
    released = released_tasks()
    assert released.objects is not None and released.tree is not None
    if len(objects) != len(released.objects):
        return None
    tree = PartTree(objects, released.tree.parts, released.tree.children)
    tasks = TaskLabels(objects, released.scenes, tree, released.materials)
    return learnt_tasks(network, tasks) if are_fit(network, tasks) else None
