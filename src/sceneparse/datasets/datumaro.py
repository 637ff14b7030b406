"""Datumaro's own JSON: annotations/SUBSET.json with run lengths and polygons, pictures in images/SUBSET/.

CVAT writes it as "Datumaro 1.0". Masks are COCO's compressed run lengths; polygons are filled as pycocotools fills
them, which Datumaro does too, and ellipses as the polygons that it makes of them; of several regions the one with the
higher z_order is on top, of equal ones the later.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.datasets.annotations.classes import Classes, Named, classes_of
from sceneparse.datasets.annotations.coco_masks import (
    MaskError,
    encloses_nothing,
    mask_package,
    polygon_mask,
    rle_mask,
)
from sceneparse.datasets.annotations.drawn import DrawnPictures, Record, Size, canvas
from sceneparse.datasets.annotations.jsonfiles import as_dict, as_key, as_list, glimpse, load
from sceneparse.datasets.annotations.outlines import Outline, flat_corners
from sceneparse.datasets.folder import wrong_layout
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, as_files_say, root_of
from sceneparse.datasets.matching import by_stem, same_name
from sceneparse.datasets.subsets import decided, in_one_piece, part, parted_note, splits_there
from sceneparse.datasets.unlabelled import UnlabelledOptions
from sceneparse.errors import MissingSplitError, UnannotatedError, UserError, counted
from sceneparse.labels.space import Color
from sceneparse.pictures.problems import PictureError
from sceneparse.settings import DataSettings
from sceneparse.settings.kinds import PICTURES

LAYOUT = "annotations/SUBSET.json of Datumaro's (categories, items) and images/SUBSET/NAME.jpg"
"""The expected tree, in one line."""

DRAWN = ("mask", "polygon", "ellipse")
"""Types of annotation that cover pixels; boxes, points and lines don't."""

ELLIPSE = 720
"""Corners of the polygon that Datumaro makes of an ellipse (`Ellipse.as_polygon`)."""


def open_datumaro(settings: DataSettings, split: str, channels: int = 3) -> DrawnPictures:
    """Open a split of a Datumaro JSON export. Pictures on which nothing is drawn are left out.

    Args:
        settings: `root` is the export; `options` says what pixels are that nobody labelled.
        split: A subset's name, or the role that it plays.
        channels: Channels of the pictures.

    Raises:
        UserError: Another layout, no such split, a damaged file, or pictures that are not there.
    """
    root = root_of(settings)
    files = _files(root)
    if not files:
        raise wrong_layout(root, LAYOUT) if root.is_dir() else UserError(f"{root}: no such folder")
    name, held_out = decided(files, split, undivided=True, val=settings.val)
    if name is None:
        raise MissingSplitError(
            f"{root}: no split '{split}'; there are: {', '.join(splits_there(files, settings.val))}"
        )
    whole = {own: read_json(path) for own, path in files.items()}
    classes = _classes(whole, files, KIND.read_options(settings.options, "data.options").unlabelled)
    records, notes = _records(whole[name], files[name], root, name)
    if alone := in_one_piece(files, settings.val):
        notes.append(parted_note(alone, [one.name for one in records]))
    chosen = records
    if held_out is not None:
        chosen = [records[position] for position in part([one.name for one in records], held_out, root)]
    return DrawnPictures(chosen, classes, draw, channels, notes=notes, outlines=outlines)


def read_json(path: Path) -> dict[str, Any]:
    """Return what a file of Datumaro's holds.

    Raises:
        UserError: It cannot be read, or has no categories and items.
    """
    whole = load(path)
    labels = as_dict(as_dict(as_dict(whole).get("categories")).get("label")).get("labels")
    rows = as_dict(whole).get("items")
    if not (
        isinstance(labels, list) and isinstance(rows, list) and all(isinstance(one, dict) for one in labels + rows)
    ):
        raise UserError(f"{path}: has no categories or no items, which Datumaro writes; export it again")
    return dict(whole)


def _files(root: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted((root / "annotations").glob("*.json")) if _is_datumaro(path)}


def _is_datumaro(path: Path) -> bool:
    """Whether a file is Datumaro's, or CVAT's, whose fork writes "info" and no version of the form."""
    found = glimpse(path)
    if found is None or found.listed or found.keys & {"images", "annotations"}:
        return False
    # Where there are many classes, the items begin behind what was looked at.
    items = "items" in found.keys or found.names("items", "label_id", "annotations") > 0
    return "dm_format_version" in found.keys or ("categories" in found.keys and found.names("labels") > 0 and items)


def _classes(whole: Mapping[str, dict[str, Any]], files: Mapping[str, Path], unlabelled: Any) -> Classes:
    first = next(iter(files))
    labels = whole[first]["categories"]["label"]["labels"]
    names = [str(label.get("name", "")) for label in labels]
    for own, content in whole.items():
        others = [str(label.get("name", "")) for label in content["categories"]["label"]["labels"]]
        if others != names:
            both = next((one, two) for one, two in zip_longest(names, others) if one != two)
            there, here = ("none" if name is None else repr(name) for name in both)
            raise UserError(
                f"{files[own]}: names other classes than {files[first]}, such as {here} where that has {there}: export "
                "all subsets together"
            )
    colors: dict[int, Color] = {}
    for entry in as_list(as_dict(whole[first]["categories"].get("mask")).get("colormap")):
        colors[entry["label_id"]] = (entry["r"], entry["g"], entry["b"])
    found = [Named(index, name, colors.get(index)) for index, name in enumerate(names)]
    return classes_of(found, unlabelled, "background", str(files[first]))


def _records(whole: dict[str, Any], path: Path, root: Path, subset: str) -> tuple[list[Record], list[str]]:
    """The pictures on which something is drawn, and notes on what was left out."""
    folder = next((one for one in (root / "images" / subset, root / "images") if one.is_dir()), None)
    if folder is None:
        raise UserError(f"{root}: the export has no pictures in images/{subset}: export it again with its pictures")
    there, _ = by_stem(folder)
    records, gone = [], []
    empty = unused = nameless = 0
    bare: Counter[str] = Counter()
    for item in whole["items"]:
        rows = [as_dict(row) for row in as_list(item.get("annotations"))]
        covering = [row for row in rows if row.get("type") in DRAWN]
        drawings = [row for row in covering if row.get("label_id") is not None]
        bare.update(str(row.get("type")) for row in rows if row.get("type") not in DRAWN)
        nameless += len(covering) - len(drawings)
        if not drawings:
            empty += not rows
            unused += bool(rows)
            continue
        image = as_dict(item.get("image")) or as_dict(item.get("media"))
        stored = str(image.get("path") or item.get("id"))
        file = next((there[key] for key in _keys(stored, str(item.get("id"))) if key in there), None)
        if file is None:
            gone.append(stored)
            continue
        if any(one["type"] != "mask" for one in drawings):
            mask_package()
        size = image.get("size")
        height, width = size if isinstance(size, list) and len(size) == 2 else (None, None)
        own = (height, width) if isinstance(height, int) and isinstance(width, int) else None
        drawing = json.dumps(drawings).encode()
        records.append(Record(str(item.get("id")), file, path, drawing, own))
    if gone:
        raise UserError(
            f"{path}: {counted(len(gone), 'picture')} not in {folder}, the first is {gone[0]}; export with pictures"
        )
    types = ", ".join(f"{count:,} {kind}" for kind, count in sorted(bare.items()))
    if not records and nameless:
        raise UserError(f"{path}: no drawing has a class (label_id); give each its label and export again")
    if not records and bare:
        raise UserError(
            f"{path}: has nothing that covers pixels ({types}): parsing needs outlines; export polygons or masks"
        )
    if not records:
        raise UnannotatedError(f"{path}: nothing is drawn on any picture")
    left = {
        f"{counted(empty, 'picture')} on which nothing is drawn": empty,
        f"{counted(unused, 'picture')} with nothing on it that has both area and class": unused,
        f"{counted(bare.total(), 'annotation')} without area ({types})": bare.total(),
        f"{counted(nameless, 'drawing')} without a class": nameless,
    }
    notes = [f"{path}: {text} left out" for text, count in left.items() if count]
    return sorted(records, key=lambda record: record.name), notes


def _keys(stored: str, item: str) -> list[str]:
    """The names under which an item's picture may lie; Datumaro writes the folders of its name into the file's name."""
    stem = stored.rpartition(".")[0] if Path(stored).suffix else stored
    return [same_name(name) for name in (stem, item, item.replace("/", "_"))]


def draw(record: Record, size: Size, classes: Classes) -> NDArray[np.int16]:
    """Return a picture's label map as (H, W) class indices.

    Raises:
        PictureError: A drawing is damaged, of another size, or of an unknown class.
    """
    objects = canvas(size, classes)
    drawings = sorted(json.loads(record.drawing), key=lambda one: one.get("z_order") or 0)
    for one in drawings:
        label = as_key(one["label_id"])
        if label not in classes.index:
            raise PictureError(f"{record.file}: {record.name} has a drawing of class {label}, which is none", "values")
        try:
            if one["type"] == "mask":
                mask = rle_mask(one.get("rle") or {}, size)
            else:
                mask = polygon_mask([_corners(one)], size)
        except MaskError as error:
            raise PictureError(f"{record.file}: a drawing of {record.name} cannot be read: {error}", "form") from None
        objects[mask] = classes.index[label]
    return objects


def _corners(drawing: Mapping[str, Any]) -> Any:
    """The corners of a polygon, or of the one that Datumaro makes of an ellipse: x, y, x, y, and so on.

    Raises:
        MaskError: An ellipse is not given by the two corners of the box around it.
    """
    points = drawing.get("points")
    if drawing["type"] == "polygon":
        return points
    if len(box := flat_corners(points)) != 2:
        raise MaskError("an ellipse is not given by the left, top, right and bottom of the box around it")
    (left, top), (right, bottom) = box
    angles = [2 * math.pi * step / (ELLIPSE - 1) for step in range(ELLIPSE)]
    x, y, across, down = (left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2
    return [value for angle in angles for value in (x + across * math.cos(angle), y + down * math.sin(angle))]


def outlines(record: Record) -> Iterator[Outline]:
    """Yield the polygons and ellipses of a record, and masks without a pixel."""
    for number, one in enumerate(json.loads(record.drawing)):
        if one["type"] == "mask":
            if encloses_nothing(one.get("rle")):
                yield Outline(f"drawing {one.get('id', number)}", ())
            continue
        try:
            corners = flat_corners(_corners(one))
        except MaskError:
            continue  # which is said when it is drawn
        if corners:
            yield Outline(f"drawing {one.get('id', number)}", corners)


def recognise_datumaro(root: Path) -> str | None:
    """What in a folder speaks for Datumaro's JSON."""
    file = next(iter(_files(root).values()), None)
    return None if file is None else f"annotations/{file.name} of Datumaro's"


KIND = DatasetKind(
    open=as_files_say(open_datumaro),
    entry=Entry(
        title="Datumaro's JSON",
        contents="as many as were drawn; the classes of the files; splits as the files are called",
        licence="yours",
        page="https://openvinotoolkit.github.io/datumaro/latest/docs/data-formats/formats/datumaro.html",
        tree=("DIR/annotations/SUBSET.json", "DIR/images/SUBSET/NAME.jpg"),
        by_hand='these are your own: in CVAT "Export dataset", "Datumaro 1.0" with "Save images", and unpack the zip; '
        "in Datumaro -f datumaro --save-media",
    ),
    card="Pictures annotated with a tool that writes Datumaro's JSON.",
    options=UnlabelledOptions,
    uses=PICTURES,
    recognise=recognise_datumaro,
    package=mask_package,
)
