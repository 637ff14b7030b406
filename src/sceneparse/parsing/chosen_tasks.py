"""Which tasks a unified model is to parse."""

from collections.abc import Collection

from sceneparse.arguments import check_names
from sceneparse.errors import UserError
from sceneparse.inference.open_model import Opened
from sceneparse.labels import TaskLabels
from sceneparse.tasks import OTHERS, TASK_NAMES, Task, TaskName


def chosen_tasks(opened: Opened, names: Collection[TaskName] | None) -> TaskLabels | None:
    """Return the label spaces of the named tasks beside the objects; by default of all that the model knows.

    Raises:
        UserError: A task that there is not, or that the model doesn't know.
    """
    refuse_unknown_tasks(names)
    known = opened.tasks or TaskLabels()
    others = [task.value for task in OTHERS if task in known.spaces()]
    if missing := [name for name in names or () if name not in (Task.OBJECT.value, *others)]:
        raise UserError(f"model '{opened.config.name}' does not tell task '{missing[0]}': leave it out")
    wanted = [name for name in others if names is None or name in names]
    return known.only(wanted) if wanted else None


def refuse_unknown_tasks(names: Collection[str] | None) -> None:
    """Refuse what is no list of tasks' names; None stands for all that a model knows."""
    if names is not None:
        check_names("tasks", names, Task.PART.value)
    if wrong := [name for name in names or () if name not in TASK_NAMES]:
        raise UserError(f"task '{wrong[0]}' is unknown: use {', '.join(TASK_NAMES)}")
