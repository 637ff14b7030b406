"""Whether a model and the data that it is tested on name the same classes."""

from sceneparse.errors import UserError, counted, some
from sceneparse.labels.space import LabelSpace
from sceneparse.labels.task_labels import TaskLabels


def refuse_other_classes(model: str, known: LabelSpace, given: LabelSpace) -> None:
    """Refuse labels of other classes than the model's.

    Args:
        model: What the command was given for it.
        known: The model's classes.
        given: Those of the data.

    Raises:
        UserError: The names differ.
    """
    if known.names != given.names:
        raise UserError(
            f"{model} names {counted(len(known), 'class', 'classes')} ({some(known.names)}) but the data set "
            f"{len(given)} ({some(given.names)}){_difference(known, given)}: give data with the model's classes"
        )


def _difference(known: LabelSpace, given: LabelSpace) -> str:
    """Return which names only one of the two has, or where their order differs, to be put behind both."""
    missing = [name for name in known.names if name not in given.names]
    others = [name for name in given.names if name not in known.names]
    said = [f"the data lack {some(missing)}"] * bool(missing) + [f"the model lacks {some(others)}"] * bool(others)
    if not said and len(known) == len(given):
        here = next(index for index, name in enumerate(known.names) if name != given.names[index])
        said = [f"in another order, first '{known.names[here]}' and '{given.names[here]}'"]
    return "".join(f"; {one}" for one in said)


def refuse_other_tasks(model: str, known: TaskLabels | None, given: TaskLabels | None) -> None:
    """Refuse labels of other classes than the model's, task by task.

    Args:
        model: What the command was given for it.
        known: The model's label spaces; None for a model of one task.
        given: Those of the data; None where objects alone are labelled.

    Raises:
        UserError: A task that both know has other classes in the data set.
    """
    if known is None or given is None:
        return
    mine, theirs = known.names(), given.names()
    for task in mine.keys() & theirs.keys():
        if mine[task] != theirs[task]:
            raise UserError(
                f"{model} and the data set name different {task}: give data with the model's classes, or label them"
            )
