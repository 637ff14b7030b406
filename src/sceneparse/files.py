"""Write files that are either whole or absent."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; on a clean exit it is flushed to disk and renamed to `path`.

    A reader sees the old file or the new one, never a part of it, even when the process is killed in between.
    The temporary name keeps the suffix, since many writers choose their format by it. Parent folders are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A cut stem, since the longest name that a folder takes leaves no room for what is added here.
    temporary = path.with_name(f".{path.stem[:50]}.{secrets.token_hex(8)}.tmp{path.suffix}")
    # Made here with the permissions of a plain open(): tempfile's are private, and asking for the umask would change it
    # for the other threads that write at this moment.
    temporary.touch(exist_ok=False)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all. NaN and infinity are refused: no other parser reads them."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def aside_of(folder: Path) -> Path:
    """Return where a folder stands while it is replaced in two steps."""
    return folder.parent / f".{folder.name}.old"


def cache_folder() -> Path:
    """Return the folder for what can be made again: $SCENEPARSE_CACHE, or `sceneparse` in the user's cache folder."""
    if given := os.environ.get("SCENEPARSE_CACHE"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sceneparse"
