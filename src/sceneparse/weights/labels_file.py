"""A model folder's labels.json: the classes of the objects alone, or the label spaces of all tasks and the tree."""

from pathlib import Path
from typing import Any

from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace, PartTree, TaskLabels, read_json

KEYS = ("objects", "scenes", "parts", "part_tree", "materials", "textures")
"""What labels.json of a model of several tasks can hold."""


def labels_to_json(objects: LabelSpace, tasks: TaskLabels | None) -> dict[str, Any]:
    """The content of labels.json; without tasks it is that of a `classes.json`."""
    if tasks is None:
        return objects.to_json()
    spaces = {
        "objects": objects,
        "scenes": tasks.scenes,
        "parts": tasks.parts,
        "materials": tasks.materials,
        "textures": tasks.textures,
    }
    value: dict[str, Any] = {task: space.to_json() for task, space in spaces.items() if space is not None}
    return value if tasks.tree is None else {**value, "part_tree": tasks.tree.to_json()}


def labels_from_json(value: Any, where: str) -> tuple[LabelSpace, TaskLabels | None]:
    """The inverse of `labels_to_json`.

    Raises:
        UserError: Not label spaces, or some that don't fit each other.
    """
    if not isinstance(value, dict) or "objects" not in value:
        return LabelSpace.from_json(value, where), None
    if wrong := [key for key in value if key not in KEYS]:
        raise UserError(f"{where}: unknown key '{wrong[0]}'; known keys: {', '.join(KEYS)}")
    if ("parts" in value) != ("part_tree" in value):
        raise UserError(f'{where}: "parts" and "part_tree" go together: give both or neither')
    spaces = {key: LabelSpace.from_json(space, f"{where}, {key}") for key, space in value.items() if key != "part_tree"}
    objects, parts = spaces["objects"], spaces.pop("parts", None)
    tree = None if parts is None else PartTree.from_json(value["part_tree"], objects, parts, where)
    return objects, TaskLabels(tree=tree, **spaces)


def read_labels(path: Path) -> tuple[LabelSpace, TaskLabels | None]:
    """Read labels.json.

    Raises:
        UserError: The file is missing, not JSON, or holds no label spaces that fit each other.
    """
    return labels_from_json(read_json(path), str(path))
