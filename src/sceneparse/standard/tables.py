"""The names of Broden+'s classes, the parts of each object, and how the released network numbers them.

The tables are those of github.com/CSAILVision/unifiedparsing (MIT licence), in `broden/` beside this.
"""

import csv
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cache
from importlib import resources
from io import StringIO
from pathlib import Path

from sceneparse.errors import UserError, reason_of
from sceneparse.labels import LabelSpace, PartTree, TaskLabels
from sceneparse.labels.mirroring import paired_by_name
from sceneparse.tasks import Task

CATEGORIES = (Task.OBJECT, Task.PART, Task.MATERIAL, Task.SCENE, Task.TEXTURE)
NOTHING = "-"
"""The name of what is unlabelled: label 0 of objects, parts and materials; scenes and textures have none."""

OFFSET: dict[str, int] = {Task.OBJECT: 1, Task.PART: 1, Task.MATERIAL: 1, Task.SCENE: 0, Task.TEXTURE: 0}
"""The label of each category's first class. Scenes and textures begin at 0, and -1 is unlabelled."""

HIERARCHY = "object_part_hierarchy"
HIERARCHY_HEADING = ("object_label", "object_name", "part_labels", "part_names")

UNLABELLED = "unlabelled"
"""What the released network's channel 0 of objects and materials is called: it is never right, but can win."""


def published_folder() -> AbstractContextManager[Path]:
    """Return the folder of the published tables, as a context."""
    return resources.as_file(resources.files("sceneparse.standard") / "broden")


@cache
def released_tasks() -> TaskLabels:
    """Return the released unified network's classes: 336 objects, 365 scenes, 26 materials and 350 parts.

    Objects and materials begin with `UNLABELLED`. It has no textures.
    """
    with published_folder() as folder:
        tasks = task_labels(folder, read_names(folder))
    assert tasks.objects is not None and tasks.tree is not None and tasks.materials is not None
    objects, materials = (LabelSpace((UNLABELLED, *space.names)) for space in (tasks.objects, tasks.materials))
    tree = PartTree(objects, tasks.tree.parts, ((), *tasks.tree.children))
    return TaskLabels(objects=objects, scenes=tasks.scenes, tree=tree, materials=materials)


def read_names(folder: Path) -> dict[str, list[str]]:
    """Read the class names of each category, in the order of their labels less the category's `OFFSET`.

    Raises:
        UserError: A file is missing or damaged; the message names file and row.
    """
    return {category: _names(folder / f"{category}.csv", category) for category in CATEGORIES}


def task_labels(folder: Path, names: Mapping[str, Sequence[str]]) -> TaskLabels:
    """Make label spaces from names, and the tree of objects and parts from the folder's hierarchy.

    Parts whose names differ in left and right alone are mirror pairs. The published tables have none: they call a left
    arm an arm.

    Raises:
        UserError: The hierarchy is missing or damaged, or doesn't fit the names.
    """
    spaces = {category: LabelSpace(tuple(own)) if own else None for category, own in names.items()}
    objects, parts = spaces[Task.OBJECT], spaces[Task.PART]
    tree = None
    if parts is not None:
        parts = replace(parts, mirror=paired_by_name(parts.names))
    if objects is not None and parts is not None:
        tree = PartTree(objects, parts, _children(folder / f"{HIERARCHY}.csv", objects.names, parts.names))
    return TaskLabels(objects, spaces[Task.SCENE], tree, spaces[Task.MATERIAL], spaces[Task.TEXTURE])


def _names(path: Path, category: str) -> list[str]:
    rows = read_rows(path, ("label", "name"))
    names = []
    for number, (label, name) in enumerate(rows):
        if label != str(number):
            raise UserError(f"{path}:{number + 2}: label {label}, but labels must count 0, 1, 2, …: {number} is next")
        names.append(name)
    offset = OFFSET[category]
    if offset and names[:1] != [NOTHING]:
        raise UserError(f"{path}:2: label 0 must be '{NOTHING}' (unlabelled)")
    return names[offset:]


def _children(path: Path, objects: Sequence[str], parts: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    children: list[tuple[int, ...]] = [()] * len(objects)
    for number, (label, name, labels, names) in enumerate(read_rows(path, HIERARCHY_HEADING), 2):
        where = f"{path}:{number}"
        index = whole_number(label, where) - 1
        if not 0 <= index < len(objects) or objects[index] != name:
            raise UserError(f"{where}: object {label} is not '{name}' in object.csv")
        own = [whole_number(part, where) for part in labels.split(";")]
        if own[0] != 0 or len(own) != len(names.split(";")) or len(set(own)) != len(own):
            raise UserError(f"{where}: part_labels must begin with 0, name each part once and fit part_names")
        for part, part_name in zip(own[1:], names.split(";")[1:], strict=True):
            if not 1 <= part <= len(parts) or parts[part - 1] != part_name:
                raise UserError(f"{where}: part {part} is not '{part_name}' in part.csv")
        if children[index]:
            raise UserError(f"{where}: object '{name}' has a row already")
        children[index] = tuple(part - 1 for part in own[1:])
    return tuple(children)


def read_rows(path: Path, heading: Sequence[str]) -> list[list[str]]:
    """Read the rows of a table below its heading.

    Raises:
        UserError: No such file, or another heading or number of columns.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; Broden+'s label tables need it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({reason_of(error)})") from None
    rows = [row for row in csv.reader(StringIO(text)) if row]
    if not rows or tuple(rows[0]) != tuple(heading):
        raise UserError(f"{path}:1: the first row must be '{','.join(heading)}'")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(heading):
            raise UserError(
                f"{path}:{number}: {len(row)} values, but {len(heading)} are expected ({','.join(heading)})"
            )
    return rows[1:]


def whole_number(text: str, where: str) -> int:
    """Parse a whole number of a table.

    Raises:
        UserError: It is none; the message begins with `where`.
    """
    try:
        return int(text)
    except ValueError:
        raise UserError(f"{where}: '{text}' is not a whole number") from None
