"""A model folder's labels.json: the classes of the objects alone, or the label spaces of all tasks and the tree."""

from pathlib import Path
from typing import Any

from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace, PartTree, TaskLabels, read_json
from sceneparse.tasks import OTHERS, Task

PARTS, PART_TREE = Task.PART.plural, "part_tree"

KEYS = tuple(
    key for task in (Task.OBJECT, *OTHERS) for key in ([PARTS, PART_TREE] if task is Task.PART else [task.plural])
)
"""What labels.json of a model of several tasks can hold."""


def labels_to_json(objects: LabelSpace, tasks: TaskLabels | None) -> dict[str, Any]:
    """Return the content of labels.json; without tasks it is that of a `classes.json`."""
    if tasks is None:
        return objects.to_json()
    spaces = {Task.OBJECT: objects} | {task: space for task in OTHERS if (space := tasks.space(task)) is not None}
    value: dict[str, Any] = {task.plural: space.to_json() for task, space in spaces.items()}
    return value if tasks.tree is None else {**value, PART_TREE: tasks.tree.to_json()}


def labels_from_json(value: Any, where: str) -> tuple[LabelSpace, TaskLabels | None]:
    """Read the content of labels.json; the inverse of `labels_to_json`.

    Raises:
        UserError: Not label spaces, or some that don't fit each other.
    """
    if not isinstance(value, dict) or Task.OBJECT.plural not in value:
        return LabelSpace.from_json(value, where), None
    if wrong := [key for key in value if key not in KEYS]:
        raise UserError(f"{where}: unknown key '{wrong[0]}'; known keys: {', '.join(KEYS)}")
    if (PARTS in value) != (PART_TREE in value):
        raise UserError(f'{where}: "{PARTS}" and "{PART_TREE}" go together: give both or neither')
    spaces = {key: LabelSpace.from_json(space, f"{where}, {key}") for key, space in value.items() if key != PART_TREE}
    objects, parts = spaces[Task.OBJECT.plural], spaces.pop(PARTS, None)
    tree = None if parts is None else PartTree.from_json(value[PART_TREE], objects, parts, where)
    return objects, TaskLabels(tree=tree, **spaces)


def read_labels(path: Path) -> tuple[LabelSpace, TaskLabels | None]:
    """Read labels.json.

    Raises:
        UserError: The file is missing, not JSON, or holds no label spaces that fit each other.
    """
    return labels_from_json(read_json(path), str(path))
