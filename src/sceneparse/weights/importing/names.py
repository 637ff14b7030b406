"""Name the classes of a checkpoint, whose weights know only how many there are."""

from pathlib import Path

from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace, PartTree, TaskLabels
from sceneparse.settings import NetworkSettings
from sceneparse.standard import standard_labels
from sceneparse.standard.tables import released_tasks
from sceneparse.weights.importing.given_names import GivenNames
from sceneparse.weights.importing.one_logit import BACKGROUND, FOREGROUND, two_names
from sceneparse.weights.importing.reading import Checkpoint
from sceneparse.weights.tasks import are_fit, learnt_tasks

STANDARD = {150: "ade20k-150", 21: "voc-21", 19: "cityscapes-19", 336: "broden-objects"}
"""The data sets that published checkpoints were trained on, by their number of classes; see `sceneparse.standard`."""


def name_classes(
    checkpoint: Checkpoint, num_classes: int, labels: Path | None, *, sigmoid: bool = False
) -> tuple[LabelSpace, str]:
    """Return the classes' names and, for people, where these come from.

    Args:
        checkpoint: The checkpoint, which may give them itself.
        num_classes: How many it has.
        labels: The user's classes.json, which is believed before anything else.
        sigmoid: Whether its two classes are those of a single logit, of which the background may have no name.

    Raises:
        UserError: The file has another number of classes than the checkpoint.
    """
    if labels is not None:
        space = _with_background(LabelSpace.read(labels)) if sigmoid else LabelSpace.read(labels)
        if len(space) != num_classes:
            raise UserError(f"{labels}: names {len(space)} classes, but the checkpoint has {num_classes}")
        return space, f"from {labels}"
    standard = STANDARD.get(num_classes)
    fitting = [(one, names) for one in checkpoint.class_names if (names := _of(one, num_classes, sigmoid))]
    surely = [one for one in checkpoint.class_names if not one.maybe]
    if fitting or surely:
        given, names = fitting[0] if fitting else (surely[0], None)
        if names is None:
            why = f"the checkpoint names {len(given.names)}, but has {num_classes}, so that they are only numbered"
            return _numbered(num_classes), f"{why}; import it with --labels to name them"
        if standard is not None and standard_labels(standard).names == names:
            return standard_labels(standard), f"given in the checkpoint: {standard}"
        colors = checkpoint.palette if len(checkpoint.palette or ()) == num_classes else None
        others = [other for _, other in fitting if other != names]
        more = (f"it also gives others: {', '.join(others[0][:3])}, …",) if others else ()
        return LabelSpace(names, colors or ()), "; ".join(("given in the checkpoint", *given.notes, *more))
    if standard is not None:
        why = f"assumed to be {standard}, since there are {num_classes}; others are given by importing with --labels"
        return standard_labels(standard), why
    if sigmoid:
        why = "unknown: the one of the sigmoid is called 'foreground'; import it with --labels to name it"
        return LabelSpace((BACKGROUND, FOREGROUND)), why
    return _numbered(num_classes), "unknown, so they are only numbered; import it with --labels to name them"


def _of(given: GivenNames, num_classes: int, sigmoid: bool) -> tuple[str, ...] | None:
    """Return the names of so many classes; a sigmoid's may be of one alone."""
    return two_names(given.names) if sigmoid and len(given.names) == 1 else given.of(num_classes)


def _numbered(count: int) -> LabelSpace:
    return LabelSpace(tuple(f"class {index}" for index in range(count)))


def _with_background(space: LabelSpace) -> LabelSpace:
    """Return the classes of a sigmoid whose user named one alone."""
    if len(space) != 1:
        return space
    return LabelSpace(two_names(space.names), ((0, 0, 0), space.colors[0]) if space.colors[0] != (0, 0, 0) else ())


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
