"""Write a folder whole or not at all, and again over an earlier one, but never over what somebody has changed in it."""

import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sceneparse.errors import UserError
from sceneparse.files import write_json
from sceneparse.unfinished import temporary_folder

RECORD = ".written.json"
"""Holds of each file its bytes and time of change in nanoseconds, null for one that other names stand for too."""


@contextmanager
def whole_folder(target: Path, *, record: bool = True) -> Iterator[Path]:
    """Yield an empty folder beside `target`; on a clean exit it takes its name, in place of what an earlier run left.

    Args:
        target: The folder.
        record: Keep account of what is written, so that it can be written again.

    Where it fails, the folders above that were made for it are taken away again.

    Raises:
        UserError: At once, if `target` holds something that no earlier run wrote, or that was changed since.
    """
    refuse_changed(target)
    made = [folder for folder in target.parents if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    old = target.with_name(f".{target.name}.{secrets.token_hex(8)}.old")
    try:
        with temporary_folder(target) as temporary:
            yield temporary
            if record:
                write_json(temporary / RECORD, {path: _facts(temporary / path) for path in _files(temporary)})
            refuse_changed(target)
            if target.exists():
                target.replace(old)
            temporary.replace(target)
    finally:
        if not target.exists():
            for folder in made:  # which hold nothing, unless somebody else has put something there meanwhile
                with suppress(OSError):
                    folder.rmdir()
    shutil.rmtree(old, ignore_errors=True)


def refuse_changed(target: Path) -> None:
    """Refuse to write over a folder with something in it that an earlier run didn't write, or that was changed since.

    Raises:
        UserError: It is such a folder, or a file.
    """
    if not target.exists():
        return
    if not target.is_dir():
        raise UserError(f"{target}: is a file, where a folder is to be written: move it away")
    try:
        record = json.loads((target / RECORD).read_text(encoding="utf-8"))
        changed = [
            path
            for path in _files(target)
            if path not in record or (record[path] is not None and record[path] != _facts(target / path))
        ]
    except (OSError, ValueError, TypeError):
        changed = _files(target)
    if changed:
        raise UserError(
            f"{target / changed[0]}: was changed or put there since {target.name} was written, and nothing is written "
            f"over: move {target} away, or take another output folder"
        )


def _files(folder: Path) -> list[str]:
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    return sorted(path for path in found if path != RECORD)


def _facts(path: Path) -> list[int] | None:
    status = path.stat()
    return None if status.st_nlink > 1 else [status.st_size, status.st_mtime_ns]
