"""Write a parse as files, its JSON last, in the place of an earlier parse and of nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.files import json_text, make_folder, write_errors, write_json
from sceneparse.parsing.artefacts.table import ARTEFACTS
from sceneparse.parsing.artefacts.writing import write_artefacts
from sceneparse.parsing.own_files import foreign_file, kind_of, mark_of, named_files, read_record

if TYPE_CHECKING:
    from sceneparse.parsing.parse import Parse


def save_parse(
    parse: Parse, folder: Path, stem: str, write: Sequence[str], said: dict[str, Any], *, replace: bool
) -> Path:
    """Write a parse's files, and return its JSON.

    Args:
        parse: The parse.
        folder: Where to.
        stem: The files' name; may hold "/" for folders below.
        write: The artefacts.
        said: What the JSON says beside the files' names.
        replace: Whether files may be replaced that no parse of that name wrote.

    Raises:
        UserError: There are such files, or an artefact's own.
    """
    record = folder / f"{stem}.json"
    if not replace:
        _refuse_foreign(record, [folder / f"{stem}{ARTEFACTS[name].suffix}" for name in write])
    before = read_record(record) or {}
    earlier = named_files(record, before)
    same = {key: value for key, value in before.items() if key != "files"} == json.loads(json_text(said))
    make_folder(record.parent)
    mark = mark_of(record)
    with write_errors(record):
        mark.touch()
        # What was there before belongs to another parse: without its JSON nobody takes it for a whole one.
        record.unlink(missing_ok=True)
    try:
        files = write_artefacts(parse, write, folder, stem)
        others = {name: path for name, path in earlier.items() if path.name not in files.values() and path.is_file()}
        if not same:
            for path in others.values():
                path.unlink()
            others = {}
        write_json(record, {**said, "files": {**{name: path.name for name, path in others.items()}, **files}})
    finally:
        if record.exists():
            with suppress(OSError):
                mark.unlink()
    return record


def _refuse_foreign(record: Path, files: Sequence[Path]) -> None:
    found = record if kind_of(record) not in (None, "picture") else foreign_file(record, files)
    if found is not None:
        raise UserError(
            f"{found}: is there, and no parse saved under this name wrote it: choose another folder or stem, or give "
            f"{argument('replace', True)}"
        )
