"""Broden+'s label tables: the names (`standard.tables`), and what each source's own ids become."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sceneparse.datasets.broden.coding import LARGEST
from sceneparse.errors import UserError
from sceneparse.files import write_text
from sceneparse.labels import IGNORE, TaskLabels
from sceneparse.standard.tables import (
    CATEGORIES,
    HIERARCHY,
    HIERARCHY_HEADING,
    NOTHING,
    OFFSET,
    published_folder,
    read_names,
    read_rows,
    task_labels,
    whole_number,
)

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
        """Return class indices by a source's raw id, `IGNORE` for ids that the tables don't list or drop.

        It is longer than any id that an id map can hold, unlike the original's, which ends at the last listed id.
        """
        table = np.full(LARGEST + 1, IGNORE, dtype=np.int16)
        for row in self.assignments:
            if (row.dataset, row.category) == (dataset, category):
                table[row.raw_label] = row.label - OFFSET[category] if row.label >= OFFSET[category] else IGNORE
        return table

    def by_name(self, dataset: str, category: str) -> dict[str, int]:
        """Return class indices by the names that a source uses; see `lookup`."""
        rows = [row for row in self.assignments if (row.dataset, row.category) == (dataset, category)]
        return {row.raw_name: max(row.label - OFFSET[category], IGNORE) for row in rows}

    def write(self, folder: Path) -> None:
        """Write the tables in the form that `read_tables` reads."""
        tasks = self.tasks
        for category in CATEGORIES:
            space = tasks.space(category)
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


def has_tables(folder: Path) -> bool:
    """Return whether a folder has label tables, by the one that `BrodenTables.write` writes last."""
    return (folder / f"{ASSIGNMENT}.csv").exists()


@cache
def published_tables() -> BrodenTables:
    """The tables of the published Broden+: 335 objects, 152 parts, 25 materials, 365 scenes and 47 textures."""
    with published_folder() as folder:
        return read_tables(folder)


def read_tables(folder: Path) -> BrodenTables:
    """Read object.csv, part.csv, material.csv, scene.csv, texture.csv, the hierarchy and the assignment.

    Raises:
        UserError: A file is missing or damaged, or they don't fit each other; the message names file and row.
    """
    names = read_names(folder)
    return BrodenTables(task_labels(folder, names), _assignments(folder / f"{ASSIGNMENT}.csv", names))


def _assignments(path: Path, names: dict[str, list[str]]) -> tuple[Assignment, ...]:
    rows = []
    seen: set[tuple[str, str, int]] = set()
    for number, (dataset, category, raw, raw_name, label, name) in enumerate(read_rows(path, ASSIGNMENT_HEADING), 2):
        where = f"{path}:{number}"
        if category not in names:
            raise UserError(f"{where}: category '{category}' is none of {', '.join(CATEGORIES)}")
        row = Assignment(dataset, category, whole_number(raw, where), raw_name, whole_number(label, where), name)
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


def _csv(heading: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heading)
    writer.writerows(rows)
    return text.getvalue()
