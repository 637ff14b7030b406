"""Which tasks a unified model is to parse."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from sceneparse.arguments import check_names
from sceneparse.errors import UserError, require
from sceneparse.labels import TaskLabels
from sceneparse.tasks import OTHERS, TASK_NAMES, Task, TaskName

if TYPE_CHECKING:
    from sceneparse.inference.open_model import Opened


def chosen_tasks(opened: "Opened", names: Collection[TaskName] | None) -> TaskLabels | None:
    """Return the label spaces of the named tasks beside the objects; by default of all that the model knows.

    Raises:
        UserError: A task that there is not, or that the model doesn't know.
    """
    refuse_missing_tasks(opened.config.name, opened.tasks, names)
    known = opened.tasks or TaskLabels()
    wanted = [name for name in other_tasks(opened.tasks) if names is None or name in names]
    return known.only(wanted) if wanted else None


def other_tasks(known: TaskLabels | None) -> list[str]:
    """Return the names of the tasks that a model knows beside the objects."""
    return [task.value for task in OTHERS if known is not None and task in known.spaces()]


def refuse_missing_tasks(model: str, known: TaskLabels | None, names: Collection[TaskName] | None) -> None:
    """Refuse tasks that a model doesn't know.

    Args:
        model: Its name.
        known: The label spaces of its tasks beside the objects; None for a model of one task.
        names: The tasks that are asked for; None for all that it knows.

    Raises:
        UserError: A task that there is not, or that the model doesn't know.
    """
    refuse_unknown_tasks(names)
    if missing := [name for name in names or () if name not in (Task.OBJECT.value, *other_tasks(known))]:
        raise UserError(f"model '{model}' does not tell task '{missing[0]}': leave it out")


def refuse_unknown_tasks(names: Collection[str] | None) -> None:
    """Refuse what is no list of tasks' names; None stands for all that a model knows."""
    if names is not None:
        check_names("tasks", names, Task.PART.value)
    if wrong := [name for name in names or () if name not in TASK_NAMES]:
        raise UserError(f"task '{wrong[0]}' is unknown: use {', '.join(TASK_NAMES)}")


def refuse_objects_alone(model: str, known: TaskLabels | None) -> None:
    """Refuse a model of objects alone where it is counted what occurs together.

    Args:
        model: Its name.
        known: The label spaces of its tasks beside the objects; None for a model of one task.

    Raises:
        UserError: It knows no other task.
    """
    require(known is not None, f"model '{model}' predicts objects alone: nothing can occur together with them")
