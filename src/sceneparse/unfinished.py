"""Temporary names beside what is written, and what is left under them by processes that were killed."""

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STALE = 7 * 86_400.0
"""Seconds without a change after which what has a temporary name belongs to nobody. Whether a process still lives
cannot be asked where folders are shared by the machines of a cluster; one that writes changes what it writes."""

_NAME = re.compile(r"\.(.+)\.[0-9a-f]{16}\.tmp(\.[^.]*)?", re.DOTALL)
LONGEST = 50
"""Signs of a name that are kept in a temporary one."""

_tidied: set[Path] = set()
"""Folders that this process has looked through."""


def temporary_beside(path: Path, suffix: str = "") -> Path:
    """Return a name beside a path that nothing has, such as `.street.0123456789abcdef.tmp.png`.

    Args:
        path: What is going to be written.
        suffix: What the name ends with.
    """
    # A cut stem, since the longest name that a folder takes leaves no room for what is added here.
    stem = path.stem if suffix else path.name
    return path.with_name(f".{stem[:LONGEST]}.{secrets.token_hex(8)}.tmp{suffix}")


def final_name(path: Path) -> Path:
    """Return what a file is going to be called that has a temporary name, or is in a folder that has one.

    Args:
        path: The file; any other stays as it is, and so does one whose name was too long to be kept.
    """
    if (own := _NAME.fullmatch(path.name)) and len(own[1]) < LONGEST:
        path = path.with_name(f"{own[1]}{own[2] or ''}")
    if (around := _NAME.fullmatch(path.parent.name)) and len(around[1]) < LONGEST:
        folder = path.parent.with_name(f"{around[1]}{around[2] or ''}")
        # A file that was made in a folder of its own, or one of those that the folder is written for.
        return folder if folder.name == path.name else folder / path.name
    return path


def tidy(made: Path) -> None:
    """Remove what a killed process left `STALE` seconds ago beside what was just made; once in each folder.

    Args:
        made: A file or folder that was made a moment ago: its time is now by the clock of the disk.
    """
    folder = made.parent.absolute()
    if folder in _tidied:
        return
    _tidied.add(folder)
    with suppress(OSError), os.scandir(folder) as entries:
        before = _changed(made.stat()) - STALE
        for entry in entries:
            if _NAME.fullmatch(entry.name) and not entry.is_symlink():
                with suppress(OSError):
                    if _changed(entry.stat()) >= before:
                        continue
                    shutil.rmtree(entry.path) if entry.is_dir() else Path(entry.path).unlink()


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside a path, whose parent is there; it is gone at the end, with all that is in it then."""
    folder = temporary_beside(path)
    folder.mkdir()
    tidy(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _changed(status: os.stat_result) -> float:
    """When something was changed last; a copy may have the older time of what it is a copy of."""
    return max(status.st_mtime, status.st_ctime)
