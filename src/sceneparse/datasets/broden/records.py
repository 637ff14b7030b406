"""The record files of the joint set: a line of JSON for each picture, named by its index in its source's list."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sceneparse.errors import UserError, json_fault, reason_of
from sceneparse.files import write_text

DATASETS = ("ade20k", "pascal", "os", "dtd")
"""The sources, as records call them: ADE20K, Pascal-Context with Pascal-Part, OpenSurfaces, DTD."""


@dataclass(frozen=True)
class Record:
    """A picture of the joint set.

    Args:
        dataset: Its source, one of `DATASETS`.
        file_index: Its index in the source's list, from 0.
        height: In pixels, of the picture as it is stored (shorter sides over 512 were scaled to 512).
        width: In pixels.
        nr_part: 1 with a part map, 0 without; None for sources without parts. Of no effect: the maps tell.
    """

    dataset: str
    file_index: int
    height: int
    width: int
    nr_part: int | None = None


def read_records(path: Path) -> list[Record]:
    """Read a record file.

    Raises:
        UserError: Missing, or a line that is no record; the message names it.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; Broden+'s records need it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({reason_of(error)})") from None
    records = [_record(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not records:
        raise UserError(f"{path}: holds no records")
    return records


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write records in the form that `read_records` reads."""
    lines = []
    for record in records:
        values = {key: value for key, value in vars(record).items() if value is not None}
        lines.append(json.dumps(values) + "\n")
    write_text(path, "".join(lines))


def _record(line: str, where: str) -> Record:
    try:
        values = json.loads(line)
    except json.JSONDecodeError as error:
        array = " (a JSON array? Each line must be a record of its own)" if line.lstrip().startswith("[") else ""
        _, column, what = json_fault(error)
        raise UserError(f"{where}:{column}: not valid JSON ({what}){array}") from None
    if not isinstance(values, dict):
        raise UserError(f'{where}: expected a record such as {{"dataset": "os", "file_index": 0, …}}')
    known = {"dataset", "file_index", "height", "width", "nr_part"}
    if missing := sorted(known - {"nr_part"} - set(values)):
        raise UserError(f"{where}: no '{missing[0]}' in the record")
    if unknown := sorted(set(values) - known):
        raise UserError(f"{where}: unknown key '{unknown[0]}'; a record has {', '.join(sorted(known))}")
    if values["dataset"] not in DATASETS:
        raise UserError(f"{where}: dataset {values['dataset']!r} is none of {', '.join(DATASETS)}")
    for key, least in (("file_index", 0), ("height", 1), ("width", 1), ("nr_part", 0)):
        value = values.get(key, least)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise UserError(f"{where}: {key} is {value!r}, but must be a whole number from {least} on")
    return Record(**values)
