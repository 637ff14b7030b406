"""Names of classes in another file than the one that is read, for the message that says that this one is missing."""

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

STEMS = frozenset(
    (
        *("classes", "class_names", "classnames", "names", "labels", "label_names", "categories", "palette", "legend"),
        *("labelmap", "label_colors", "class_dict", "class_colors", "colors", "colours", "colormap"),
    )
)
"""What files of class names are called, in lower case, up to the first dot."""

SUFFIXES = frozenset((".json", ".txt", ".yaml", ".yml", ".csv", ".names"))
"""What they end in, in lower case."""

LARGEST = 1 << 20
"""Bytes of a file of class names at most."""

LOOKED_AT = 2000
"""Files of a folder among which one is looked for."""

FEW = 8
"""So many JSON files at most, whatever they are called, are opened."""


def named_otherwise(path: Path) -> str:
    """Say which file beside a missing one seems to name the classes, and what to do; empty where none does.

    Args:
        path: The file that would be read, such as `classes.json`.
    """
    if rename := to_rename(path):
        return rename
    called, _ = _files_beside(path)
    example = '{"names": ["sky", "road"]}'
    return f"{called[0].name} is not read: write its names into {path.name}, such as {example}" if called else ""


def to_rename(path: Path) -> str:
    """Say which file beside a missing one holds just what that would; empty where none does.

    Args:
        path: The file that would be read, such as `classes.json`.
    """
    called, others = _files_beside(path)
    jsons = [file for file in others if file.suffix.lower() == ".json"]
    # Many are annotations, one for each picture, and take long to read.
    for file in (*called, *(jsons if len(jsons) <= FEW else ())):
        if _is_label_space(file):
            return f"classes are read from {path.name} alone: rename {file.name}, which lies beside it"
    return ""


def files_of_names(path: Path) -> Sequence[Path]:
    """Return the files beside a missing one that may list classes: by what they are called, then a few CSV files.

    Args:
        path: The file that would be read, such as `classes.json`.
    """
    called, others = _files_beside(path)
    tables = [file for file in others if file.suffix.lower() == ".csv"]
    files = (*called, *(tables if len(tables) <= FEW else ()))
    return [file for file in files if file.is_file() and file.stat().st_size <= LARGEST]


def _files_beside(path: Path) -> tuple[list[Path], list[Path]]:
    """Files of the endings, those that are called as lists of names are, and the others."""
    try:
        files = sorted(one for one in islice(path.parent.iterdir(), LOOKED_AT) if one.suffix.lower() in SUFFIXES)
    except OSError:
        return [], []
    # A classes.json.txt, too: Windows hides what its editor adds to a name.
    called = [one for one in files if one.name.lower().partition(".")[0] in STEMS]
    return called, [one for one in files if one not in called]


def _is_label_space(file: Path) -> bool:
    """Whether a file is JSON, and has the names where they are read."""
    if file.suffix.lower() != ".json" or not file.is_file() or file.stat().st_size > LARGEST:
        return False
    try:
        found: Any = json.loads(file.read_bytes())
    except (ValueError, OSError, RecursionError):
        return False
    names = found.get("names") if isinstance(found, dict) else None
    return isinstance(names, list) and bool(names) and all(isinstance(name, str) for name in names)
