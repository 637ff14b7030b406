"""Classes and colours in another file than `classes.json`, for the message that says that this one is missing."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from sceneparse.datasets.label_maps import read_label_colors, read_labelmap
from sceneparse.datasets.matching import SplitFolders, list_pairs
from sceneparse.datasets.unlabelled import Listed
from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.labels.named_otherwise import files_of_names, to_rename
from sceneparse.pictures import PictureError, read_mask
from sceneparse.pictures.decoding import decode
from sceneparse.pictures.stored_masks import stored_mask

LOOKED_AT = 8
"""Masks that are read to see whether they are colour pictures, and which colours they have."""

MOST_COLORS = 40
"""More than so many colours are no classes, and aren't listed."""

NAMES = ("name", "class", "label", "category", "class_name", "classname", "label_name")
CHANNELS = (("r", "red"), ("g", "green"), ("b", "blue"))
COLORS = ("color", "colour", "hex", "rgb", "hex_color", "color_hex", "hexcolor")
"""How the columns of a CSV file are called, in lower case."""


def what_to_write(path: Path, splits: Iterable[SplitFolders]) -> str:
    """Return what a missing `classes.json` should hold, judging by masks and files beside it; empty where neither says.

    Args:
        path: The missing file.
        splits: Where pictures and masks lie.
    """
    if to_rename(path):
        return ""
    colors = _colors_of_masks(splits)
    for file in files_of_names(path):
        if space := legend_of(file, masks_in_colors=colors is not None):
            return f"{file.name} is not read: write {path.name} with {json.dumps(space, ensure_ascii=False)}"
    if colors is None:
        return ""
    example = {"names": ["sky", "road"], "masks": "rgb", "colors": [[70, 130, 180], [128, 64, 128]]}
    found = f"; colours of the first ones: {json.dumps(colors)}" if colors else ""
    return (
        "the masks are colour pictures, so it must give the name and the colour of each class, such as "
        f"{json.dumps(example)}{found}"
    )


def legend_of(file: Path, *, masks_in_colors: bool) -> dict[str, Any] | None:
    """Return what `classes.json` would hold of a list of classes and colours; None of what is no such list.

    Args:
        file: A CSV file with a column of names, and three columns or one (`#c81e1e`) of colours; a list as CVAT's
            labelmap.txt, `name:R,G,B::`; or one of lines `R G B name`.
        masks_in_colors: Whether masks hold these colours.
    """
    readers: tuple[Callable[[Path], dict[str, Any] | None], ...] = (_of_csv, _of_labelmap, _of_label_colors)
    for read in readers:
        try:
            found = read(file)
            if found is None:
                continue
            space = {"names": found["names"], **({"masks": "rgb"} if masks_in_colors else {}), **found}
            LabelSpace.from_json(space, str(file))
        except (UserError, OSError, ValueError, csv.Error):
            continue
        return space
    return None


def _of_csv(file: Path) -> dict[str, Any] | None:
    text = file.read_text(encoding="utf-8-sig")
    head = text.partition("\n")[0]
    rows = csv.reader(text.splitlines(), delimiter=max(",;\t", key=head.count), skipinitialspace=True)
    columns = [cell.strip().lower() for cell in next(rows, [])]
    name = _column(columns, NAMES)
    channels = [_column(columns, called) for called in CHANNELS]
    if None in channels:
        channels = [_column(columns, COLORS)]
    if name is None or None in channels:
        return None
    said = [row for row in rows if any(map(str.strip, row))]
    if any(len(row) < len(columns) for row in said):
        return None
    entries = [(row[name].strip(), [row[one or 0] for one in channels]) for row in said]
    return {"names": [one for one, _ in entries], "colors": [_color(cells) for _, cells in entries]}


def _column(columns: Sequence[str], names: Sequence[str]) -> int | None:
    return next((index for index, column in enumerate(columns) if column in names), None)


def _color(cells: Sequence[str]) -> list[int]:
    """A colour of three numbers, in as many cells or in one, or in hexadecimal (#c81e1e)."""
    text = " ".join(cells).strip()
    if digits := re.fullmatch(r"(?:#|0x)?([0-9a-fA-F]{6})", text):
        return list(bytes.fromhex(digits[1]))
    return [int(number) for number in re.split(r"[\s,]+", text.strip("()[] "))]


def _of_labelmap(file: Path) -> dict[str, Any] | None:
    return _of_list(file, r".+:\s*\d+\s*,\s*\d+\s*,\s*\d+\s*(:|$)", read_labelmap)


def _of_label_colors(file: Path) -> dict[str, Any] | None:
    return _of_list(file, r"\d+\s+\d+\s+\d+\s+\S", read_label_colors)


def _of_list(file: Path, form: str, read: Callable[[Path], list[Listed]]) -> dict[str, Any] | None:
    """What a list says that has a colour in each line; of one of names alone its reader would make colours up."""
    lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    if not all(re.match(form, line) for line in lines if line and not line.startswith("#")):
        return None
    listed = read(file)
    return {"names": [one.name for one in listed], "colors": [list(one.color) for one in listed if one.color]}


def _colors_of_masks(splits: Iterable[SplitFolders]) -> list[list[int]] | None:
    """The colours of the first masks, none if they are too many for classes; None where masks are no colours."""
    try:
        pairs = (pair for split in splits for pair in list_pairs(split).pairs)
        masks = [pair.mask for pair in islice(pairs, LOOKED_AT)]
        if not any(map(_is_colored, masks)):
            return None
        found: set[tuple[int, ...]] = set()
        for mask in masks:
            values = stored_mask(decode(mask, stored=True)).values
            if values.ndim == 3:
                found.update(map(tuple, np.unique(values[..., :3].reshape(-1, 3), axis=0)[: MOST_COLORS + 1].tolist()))
    except UserError:  # of a file that cannot be read, which is told once the classes are known
        return None
    return sorted(map(list, found)) if len(found) <= MOST_COLORS else []


def _is_colored(mask: Path) -> bool:
    try:
        read_mask(mask, LabelSpace(names=("any",)))
    except PictureError as error:
        return error.problem == "mask-is-rgb"
    return False
