"""Broden+'s label tables: names, the parts of each object, and what each source's own ids become."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sceneparse.data.broden.coding import LARGEST
from sceneparse.errors import UserError
from sceneparse.files import write_text
from sceneparse.labels import IGNORE, LabelSpace, PartTree, TaskLabels

CATEGORIES = ("object", "part", "material", "scene", "texture")
NOTHING = "-"
"""The name of what is unlabelled: label 0 of objects, parts and materials; scenes and textures have none."""

OFFSET = {"object": 1, "part": 1, "material": 1, "scene": 0, "texture": 0}
"""The label of each category's first class. Scenes and textures begin at 0, and -1 is unlabelled."""

HIERARCHY = "object_part_hierarchy"
HIERARCHY_HEADING = ("object_label", "object_name", "part_labels", "part_names")
ASSIGNMENT = "label_assignment"
ASSIGNMENT_HEADING = ("dataset", "category", "raw_label", "raw_name", "broden_label", "broden_name")


@dataclass(frozen=True)
class Assignment:
    """A row of label_assignment.csv: what one id of one source is called and becomes."""

    dataset: str
    category: str
    raw_label: int
    raw_name: str
    label: int
    name: str


@dataclass(frozen=True)
class BrodenTables:
    """All tables together.

    Args:
        tasks: The label spaces. A class's index is its Broden+ label less the category's `OFFSET`.
        assignments: What sources' ids become.
    """

    tasks: TaskLabels
    assignments: tuple[Assignment, ...]

    def lookup(self, dataset: str, category: str) -> NDArray[np.int16]:
        """Class indices by a source's raw id, `IGNORE` for ids that the tables don't list or drop.

        It is longer than any id that an id map can hold, unlike the original's, which ends at the last listed id.
        """
        table = np.full(LARGEST + 1, IGNORE, dtype=np.int16)
        for row in self.assignments:
            if (row.dataset, row.category) == (dataset, category):
                table[row.raw_label] = row.label - OFFSET[category] if row.label >= OFFSET[category] else IGNORE
        return table

    def by_name(self, dataset: str, category: str) -> dict[str, int]:
        """The same by the source's names."""
        rows = [row for row in self.assignments if (row.dataset, row.category) == (dataset, category)]
        return {row.raw_name: max(row.label - OFFSET[category], IGNORE) for row in rows}

    def write(self, folder: Path) -> None:
        """Write the tables in the form that `read_tables` reads."""
        tasks = self.tasks
        spaces = {
            "object": tasks.objects,
            "part": tasks.parts,
            "material": tasks.materials,
            "scene": tasks.scenes,
            "texture": tasks.textures,
        }
        for category, space in spaces.items():
            names = [NOTHING] * OFFSET[category] + list(space.names if space else ())
            write_text(folder / f"{category}.csv", _csv(("label", "name"), list(enumerate(names))))
        rows: list[tuple[object, ...]] = []
        tree = tasks.tree
        for index, children in enumerate(tree.children if tree else ()):
            if tree and children:
                labels = ";".join(["0", *(str(part + 1) for part in children)])
                names_of = ";".join([NOTHING, *(tree.parts.names[part] for part in children)])
                rows.append((index + 1, tree.objects.names[index], labels, names_of))
        write_text(folder / f"{HIERARCHY}.csv", _csv(HIERARCHY_HEADING, rows))
        assignments = [tuple(vars(row).values()) for row in self.assignments]
        write_text(folder / f"{ASSIGNMENT}.csv", _csv(ASSIGNMENT_HEADING, assignments))


@cache
def published_tables() -> BrodenTables:
    """The tables of the published Broden+: 335 objects, 152 parts, 25 materials, 365 scenes and 47 textures."""
    with resources.as_file(resources.files("sceneparse") / "data" / "broden" / "tables") as folder:
        return read_tables(folder)


def read_tables(folder: Path) -> BrodenTables:
    """Read object.csv, part.csv, material.csv, scene.csv, texture.csv, the hierarchy and the assignment.

    Raises:
        UserError: A file is missing or damaged, or they don't fit each other; the message names file and row.
    """
    names = {category: _names(folder / f"{category}.csv", category) for category in CATEGORIES}
    spaces = {category: LabelSpace(tuple(own)) if own else None for category, own in names.items()}
    objects, parts = spaces["object"], spaces["part"]
    tree = None
    if objects is not None and parts is not None:
        tree = PartTree(objects, parts, _children(folder / f"{HIERARCHY}.csv", objects.names, parts.names))
    tasks = TaskLabels(objects, spaces["scene"], tree, spaces["material"], spaces["texture"])
    return BrodenTables(tasks, _assignments(folder / f"{ASSIGNMENT}.csv", names))


def _names(path: Path, category: str) -> list[str]:
    rows = _rows(path, ("label", "name"))
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
    for number, (label, name, labels, names) in enumerate(_rows(path, HIERARCHY_HEADING), 2):
        where = f"{path}:{number}"
        index = _whole(label, where) - 1
        if not 0 <= index < len(objects) or objects[index] != name:
            raise UserError(f"{where}: object {label} is not '{name}' in object.csv")
        own = [_whole(part, where) for part in labels.split(";")]
        if own[0] != 0 or len(own) != len(names.split(";")) or len(set(own)) != len(own):
            raise UserError(f"{where}: part_labels must begin with 0, name each part once and fit part_names")
        for part, part_name in zip(own[1:], names.split(";")[1:], strict=True):
            if not 1 <= part <= len(parts) or parts[part - 1] != part_name:
                raise UserError(f"{where}: part {part} is not '{part_name}' in part.csv")
        if children[index]:
            raise UserError(f"{where}: object '{name}' has a row already")
        children[index] = tuple(part - 1 for part in own[1:])
    return tuple(children)


def _assignments(path: Path, names: dict[str, list[str]]) -> tuple[Assignment, ...]:
    rows = []
    seen: set[tuple[str, str, int]] = set()
    for number, (dataset, category, raw, raw_name, label, name) in enumerate(_rows(path, ASSIGNMENT_HEADING), 2):
        where = f"{path}:{number}"
        if category not in names:
            raise UserError(f"{where}: category '{category}' is none of {', '.join(CATEGORIES)}")
        row = Assignment(dataset, category, _whole(raw, where), raw_name, _whole(label, where), name)
        offset = OFFSET[category]
        if not offset - 1 <= row.label < len(names[category]) + offset:
            raise UserError(f"{where}: {category} has no label {label}")
        if row.label >= offset and names[category][row.label - offset] != name:
            raise UserError(f"{where}: {category} {label} is '{names[category][row.label - offset]}', not '{name}'")
        if not 0 <= row.raw_label <= LARGEST:
            raise UserError(f"{where}: raw label {raw} is not in 0..{LARGEST}")
        if (key := (dataset, category, row.raw_label)) in seen:
            raise UserError(f"{where}: {dataset}'s {category} {raw} has a row already")
        seen.add(key)
        rows.append(row)
    return tuple(rows)


def _rows(path: Path, heading: Sequence[str]) -> list[list[str]]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; Broden+'s label tables need it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None
    rows = [row for row in csv.reader(StringIO(text)) if row]
    if not rows or tuple(rows[0]) != tuple(heading):
        raise UserError(f"{path}:1: the first row must be '{','.join(heading)}'")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(heading):
            raise UserError(
                f"{path}:{number}: {len(row)} values, but {len(heading)} are expected ({','.join(heading)})"
            )
    return rows[1:]


def _whole(text: str, where: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UserError(f"{where}: '{text}' is not a whole number") from None


def _csv(heading: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heading)
    writer.writerows(rows)
    return text.getvalue()
