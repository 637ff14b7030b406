"""V7 Darwin's mask export: `masks/NAME.png` and a `class_mapping.csv` that says which class a value or colour is."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from sceneparse.datasets.annotations.classes import undrawn_note
from sceneparse.datasets.annotations.drawn import NotedPairs
from sceneparse.datasets.annotations.locating import confirm, pictures_below, refuse_missing, sample_names
from sceneparse.datasets.annotations.options import ExportOptions
from sceneparse.datasets.annotations.splits import ALL, chosen
from sceneparse.datasets.matching import Pair
from sceneparse.errors import UserError, reason_of
from sceneparse.labels import LabelSpace
from sceneparse.labels.space import BACKGROUNDS, Color
from sceneparse.pictures.finding import walk
from sceneparse.pictures.forms import PICTURE_SUFFIXES

MELTING = 16
"""Classes besides the background from which on V7's grey masks mix classes up: one's new value is another's old one."""


def open_masks(root: Path, split: str, channels: int, options: ExportOptions) -> NotedPairs:
    """Open a mask export; it has no splits, so that everything is split "all".

    Args:
        root: The export.
        split: The split's name.
        channels: Channels of the pictures.
        options: How it is read.

    Raises:
        UserError: No masks, no such split, grey masks of too many classes, or pictures that are not there.
    """
    folder = root / "masks"
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; a mask export of V7 has its masks there, beside class_mapping.csv")
    labels = mapping(root / "class_mapping.csv", ignoring=options.unlabelled == "ignore")
    masks = [(path, name) for path, name in walk(folder) if path.suffix.lower() == ".png"]
    masks = chosen({ALL: masks}, split, root, len)
    if not masks:
        raise UserError(f"{folder}: holds no PNG")
    images = root / "images" if options.images is None and (root / "images").is_dir() else None
    pictures = pictures_below(root, options.images or (None if images is None else "images"))
    found: list[Path | None] = []
    missing = []
    taken = {path for path, _ in masks}
    for _, name in masks:
        wanted = [f"{name}{suffix}" for suffix in sorted(PICTURE_SUFFIXES)]
        image = next(
            (p for s in wanted if (p := pictures.find([s], pictures.root)) is not None and p not in taken), None
        )
        found.append(image)
        missing += [name] if image is None else []
    refuse_missing(folder, missing, len(masks), pictures)
    moved = confirm(folder, [(pictures.root, name) for _, name in masks], found, pictures)
    names = sample_names([f"{name}.png" for _, name in masks])
    pairs = [
        Pair(sample, image, mask)
        for sample, image, (mask, _) in zip(names, found, masks, strict=True)
        if image is not None
    ]
    ignoring = options.unlabelled == "ignore"
    what = "count in nothing" if ignoring else f"are class '{labels.names[0]}'"
    note = undrawn_note(what, "ignore" if ignoring else "background")
    return NotedPairs(pairs, labels, channels, [note, *moved])


def mapping(path: Path, ignoring: bool) -> LabelSpace:
    """Return the label space of a class_mapping.csv.

    Args:
        path: The file.
        ignoring: Whether the background counts in nothing.

    Raises:
        UserError: It is damaged, or says that its masks are grey and mix classes up.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read ({reason_of(error)})") from None
    if len(rows) < 2 or [cell.strip() for cell in rows[0]] != ["class_name", "class_color"]:
        raise UserError(f"{path}: does not begin with class_name,class_color and a class a line, as V7 writes it")
    names, values = [], []
    for number, row in enumerate(rows[1:], start=2):
        found = re.fullmatch(r"(\d{1,5})|(\d{1,3}) (\d{1,3}) (\d{1,3})", row[1].strip()) if len(row) == 2 else None
        if found is None:
            raise UserError(f"{path}:{number}: expected a class and its value (3) or colour (204 40 0), found {row}")
        names.append(row[0])
        values.append(tuple(int(value) for value in row[1].split()))
    if len({len(value) for value in values}) > 1:
        raise UserError(f"{path}: has values and colours; export it again in one mode")
    steps = [(int(place * 255 / (len(names) - 1)),) for place in range(len(names))] if len(names) > 1 else []
    if len(names) > MELTING and values == steps:
        raise UserError(
            f"{path}: grey masks of {len(names) - 1} classes, in which V7's export mixes classes up from {MELTING} on; "
            "export the masks in mode index or rgb"
        )
    return _space(names, values, ignoring)


def _space(names: list[str], values: list[tuple[int, ...]], ignoring: bool) -> LabelSpace:
    own = next((place for place, name in enumerate(names) if name.casefold() in BACKGROUNDS), None)
    nothing = [values[own]] if ignoring and own is not None else []
    # The exporter lists the layer that holds the masks as if it were a class; no pixel has its value.
    kept = [p for p, name in enumerate(names) if name != "__raster_layer__" and not (ignoring and p == own)]
    colored = len(values[0]) == 3
    return LabelSpace(
        tuple(names[place] for place in kept),
        colors=tuple(_color(values[place]) for place in kept) if colored else (),
        ids=() if colored else tuple(values[place][0] for place in kept),
        ignore=() if colored else tuple(value[0] for value in nothing),
        ignore_colors=tuple(_color(value) for value in nothing) if colored else (),
        masks="rgb" if colored else "index",
    )


def _color(value: tuple[int, ...]) -> Color:
    red, green, blue = value
    return red, green, blue
