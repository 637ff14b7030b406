"""Whose the files are that lie where a parse is going to be written: an earlier parse's, or somebody else's."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_KEYS = {"video": "video", "volumes": "volume", "raster": "raster"}
"""The key of a record that says of what kind its input is; pictures' may have none."""


def read_record(path: Path) -> dict[str, Any] | None:
    """Return the JSON that is written last of each parse; None if it is not there, or not one of a parse."""
    try:
        return record_of(path.read_bytes())
    except OSError:  # none there
        return None


def record_of(content: bytes) -> dict[str, Any] | None:
    """Return what a JSON holds, as `read_record`."""
    try:
        record = json.loads(content)
    except ValueError:  # no JSON, or no text
        return None
    return record if isinstance(record, dict) else None


def kind_of(record: Path) -> str | None:
    """Return of what kind a parse's JSON is, as `kind_of_content`; None where there is none."""
    try:
        return kind_of_content(record.read_bytes())
    except OSError:  # none there
        return None


def kind_of_content(content: bytes) -> str | None:
    """Return of what kind a JSON is: picture, video, volume, raster, "" of no parse, None of what is empty."""
    if not content.strip(b"\0 \t\r\n"):  # runs write whole files: no more than this is left of one when the power fails
        return None
    try:
        said = json.loads(content)
    except ValueError:  # lines of JSON, comments, an encoding other than Unicode: somebody's all the same
        return ""
    if isinstance(said, dict) and isinstance(said.get("files"), dict) and "model" in said:
        return next((kind for key, kind in _KEYS.items() if key in said), "picture")
    return "" if said else None


def named_files(record: Path, said: dict[str, Any] | None) -> dict[str, Path]:
    """Return the files that a parse's JSON names, by their artefacts; those in its own folder alone.

    Args:
        record: The JSON.
        said: What it holds.
    """
    named = (said or {}).get("files")
    return {
        name: record.with_name(file)
        for name, file in (named if isinstance(named, dict) else {}).items()
        if isinstance(file, str) and Path(file).name == file  # a path may lead anywhere
    }


def mark_of(record: Path) -> Path:
    """Return the hidden file that says, beside a parse's JSON, that the parse is being written."""
    # As short as the temporary names of `whole_file`: a longer one might be too long where the record's isn't.
    digest = hashlib.sha256(record.name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return record.with_name(f".{record.stem[:50]}.{digest}.begun")


def foreign_file(record: Path, files: Iterable[Path]) -> Path | None:
    """Return a file that is there and that a parse's JSON does not name; None after a kill, which left what it names.

    Args:
        record: The JSON; it need not be there.
        files: What is going to be written beside it.
    """
    if mark_of(record).exists():
        return None
    own = {path.name for path in named_files(record, read_record(record)).values()}
    return next((path for path in files if path.is_file() and path.name not in own), None)
