"""Which tasks a unified network has, and how many classes each: `network.tasks` beside label spaces."""

from dataclasses import replace
from typing import Any

from sceneparse.errors import UserError
from sceneparse.labels import TaskLabels
from sceneparse.settings import NetworkSettings, TaskSettings
from sceneparse.tasks import OTHER_PLURALS, OTHERS, Task


def with_task_sizes(network: NetworkSettings, tasks: TaskLabels | None, where: str) -> NetworkSettings:
    """Take the numbers of classes that `network.tasks.from_data` asks for from a data set.

    Args:
        network: As a recipe says.
        tasks: What the data set is labelled for.
        where: The data set's name, for messages.

    Raises:
        UserError: The data set has no classes for a task, or not as many as the network.
    """
    wanted = network.tasks
    numbers = {} if tasks is None else _numbers(tasks)
    if missing := [name for name in wanted.from_data if not numbers.get(name)]:
        raise UserError(f"network.tasks.from_data names {missing[0]}, but {where} is not labelled for them")
    given: dict[str, Any] = {name: numbers[name] for name in wanted.from_data}
    network = replace(network, tasks=replace(wanted, from_data=(), **given))
    refuse_unfit_tasks(network, tasks or TaskLabels(), where)
    return network


def are_fit(network: NetworkSettings, tasks: TaskLabels) -> bool:
    """Return whether label spaces name as many classes as the network has, for each of its heads."""
    numbers = _numbers(tasks)
    return all(
        getattr(network.tasks, name) in (absent, numbers[name]) for name, absent in _numbers(TaskLabels()).items()
    )


def refuse_unfit_tasks(network: NetworkSettings, tasks: TaskLabels, where: str) -> None:
    """Refuse label spaces that name other numbers of classes than the network has.

    Raises:
        UserError: A head without names, or with more or fewer.
    """
    numbers = _numbers(tasks)
    for name in OTHER_PLURALS:
        have = getattr(network.tasks, name)
        if have and have != numbers[name]:
            shown, found = (list(value) if isinstance(value, tuple) else value for value in (have, numbers[name]))
            raise UserError(f"network.tasks.{name} is {shown}, but {where} names {found or 'none'}")


def learnt_tasks(network: NetworkSettings, tasks: TaskLabels | None) -> TaskLabels | None:
    """Return the label spaces that the network has heads for; None where it has one task."""
    if tasks is None or network.tasks == TaskSettings():
        return None
    return tasks.only([task for task in OTHERS if getattr(network.tasks, task.plural)])


def _numbers(tasks: TaskLabels) -> dict[str, int | tuple[int, ...]]:
    """Numbers of classes under the names of `TaskSettings`."""
    numbers: dict[str, int | tuple[int, ...]] = {task.plural: len(tasks.space(task) or ()) for task in OTHERS}
    numbers[Task.PART.plural] = () if tasks.tree is None else tasks.tree.sizes
    return numbers
