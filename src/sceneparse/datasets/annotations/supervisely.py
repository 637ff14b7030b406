"""Supervisely's projects: bitmaps, polygons and rectangles in a JSON file a picture, drawn as its SDK draws them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.datasets.annotations.classes import Classes, Named, classes_of
from sceneparse.datasets.annotations.drawn import DrawnPictures, Record, Size, canvas
from sceneparse.datasets.annotations.jsonfiles import (
    Glimpse,
    as_dict,
    as_key,
    as_list,
    folders_below,
    glimpse,
    json_files,
    load,
)
from sceneparse.datasets.annotations.labelme_shapes import pasted
from sceneparse.datasets.annotations.locating import confirm, pictures_below, refuse_missing, sample_names
from sceneparse.datasets.annotations.opencv_fill import filled
from sceneparse.datasets.annotations.options import ExportOptions
from sceneparse.datasets.annotations.outlines import Outline, corners_of
from sceneparse.datasets.annotations.png_masks import MaskPngError, base64_bytes, inflated, opacity
from sceneparse.datasets.annotations.splits import ALL, chosen, is_role
from sceneparse.datasets.folder import in_order, subfolders, wrong_layout
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, as_files_say, root_of
from sceneparse.errors import UserError, counted
from sceneparse.labels.space import Color
from sceneparse.pictures.finding import walk
from sceneparse.pictures.problems import PictureError
from sceneparse.settings import DataSettings
from sceneparse.settings.kinds import PICTURES

LAYOUT = "a Supervisely project: ROOT/meta.json, ROOT/DATASET/ann/NAME.jpg.json and ROOT/DATASET/img/NAME.jpg"

FARTHEST = 100_000
"""Largest coordinate of a corner in pixels."""

WITH_AREA = ("bitmap", "alpha_mask", "rectangle", "polygon", "multipolygon")
"""Geometries that cover pixels; points, lines and graphs don't."""


class FigureError(ValueError):
    """A figure that cannot be drawn; the message says why."""


def open_supervisely(settings: DataSettings, split: str, channels: int = 3) -> DrawnPictures:
    """Open a split of a Supervisely project. Pictures without an annotation file are left out.

    Args:
        settings: `root` is the project, with meta.json.
        split: A dataset of the project, or "all".
        channels: Channels of the pictures.

    Raises:
        UserError: Another layout, no such split, a damaged file, or pictures that are not there.
    """
    root = root_of(settings)
    options: ExportOptions = KIND.read_options(settings.options, "data.options", "kind supervisely")
    datasets = _datasets(root)
    files = chosen(datasets, split, root, len)
    classes = classes_of(_classes(root / "meta.json"), options.unlabelled, "background", str(root / "meta.json"))
    folders = {path.parent.parent for path in files}
    missing, found, named = [], [], []
    everything = pictures_below(root, options.images)
    for path in files:
        name, dataset = path.name.removesuffix(".json"), _dataset(path.parent.parent, root)
        own, names = everything, [f"{dataset}/{name}", *_names(path)]
        if options.images is None:
            own, names = pictures_below(path.parent.parent / "img", None), _names(path)
        image = own.find(names, own.root, dataset)
        missing += [path.name] if image is None else []
        found += [] if image is None else [(path, image)]
        named += [] if image is None else [(own.root, names[0])]
    refuse_missing(files[0].parent, missing, len(files), everything)
    dataset = next(known for known, paths in datasets.items() if paths is files)
    notes = confirm(root, named, [image for _, image in found], everything, dataset, datasets, _every_name)
    names = sample_names([_below(path, root, len(folders) > 1) for path, _ in found])
    sizes, flat = zip(*(_size_and_flat(path) for path, _ in found), strict=True)
    records = [
        Record(name, image, path, b"", size) for name, (path, image), size in zip(names, found, sizes, strict=True)
    ]
    if any(flat):
        notes.append(f"{root}: {counted(sum(flat), 'object')} without area (points, lines, graphs) left out")
    if bare := sum(1 for folder in folders for _ in walk(folder / "img")) - len(found) if options.images is None else 0:
        notes.append(f"{root}: {counted(bare, 'picture')} without an annotation file left out")
    return DrawnPictures(records, classes, draw, channels, notes=notes, outlines=outlines)


def _datasets(root: Path) -> dict[str, list[Path]]:
    """The annotation files of each dataset of a project; "all" are those of all datasets, where none is a split's.

    Raises:
        UserError: It is no project.
    """
    subfolders(root)  # refuses what is no folder
    if not (root / "meta.json").is_file():
        raise wrong_layout(root, LAYOUT)
    found: dict[str, list[Path]] = {}
    for folder in folders_below(root):
        if folder.name == "ann" and (files := json_files(folder)):
            found[_dataset(folder.parent, root)] = files
    if not found:
        raise wrong_layout(root, LAYOUT)
    if any(map(is_role, found)):
        return in_order(found)
    every = {ALL: [path for files in found.values() for path in files]}
    return every if len(found) == 1 else {**found, **every}


def _dataset(folder: Path, root: Path) -> str:
    """A dataset's name: nested ones lie in a folder "datasets" of their parent."""
    return "/".join(part for part in folder.relative_to(root).parts if part != "datasets") or ALL


def _below(path: Path, root: Path, several: bool) -> str:
    picture = path.name.removesuffix(".json")
    return f"{_dataset(path.parent.parent, root)}/{picture}" if several else picture


def _names(path: Path) -> list[str]:
    """What the picture of an annotation file may be called: its own name without ".json"."""
    return [path.name.removesuffix(".json"), *(f"{path.stem}{suffix}" for suffix in (".jpg", ".png", ".jpeg"))]


def _every_name(files: Sequence[Path]) -> list[str]:
    return [name for path in files for name in _names(path)]


def _classes(path: Path) -> list[Named]:
    whole = load(path)
    rows = whole.get("classes") if isinstance(whole, dict) else None
    if not isinstance(rows, list) or not all(isinstance(as_dict(row).get("title"), str) for row in rows):
        raise UserError(f"{path}: has no list of classes with their titles, which Supervisely writes")
    return [Named(row["title"], row["title"], _color(row.get("color"))) for row in rows]


def _color(given: Any) -> Color | None:
    if not isinstance(given, str) or not re.fullmatch(r"#[0-9A-Fa-f]{6}", given):
        return None
    return int(given[1:3], 16), int(given[3:5], 16), int(given[5:7], 16)


def _size_and_flat(path: Path) -> tuple[Size | None, int]:
    """The size of the annotated picture, and the number of its objects without area."""
    whole = load(path)
    if not isinstance(whole, dict) or not isinstance(whole.get("objects"), list):
        raise UserError(f"{path}: has no list of objects, which Supervisely writes")
    size = whole.get("size")
    height, width = (size.get("height"), size.get("width")) if isinstance(size, dict) else (None, None)
    own = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    return own, sum(geometry(as_dict(row)) not in WITH_AREA for row in whole["objects"])


def draw(record: Record, size: Size, classes: Classes) -> NDArray[np.int16]:
    """Draw a picture's objects, later ones on top. Points, lines and graphs have no area.

    Raises:
        PictureError: An object is damaged or of a class that meta.json does not name.
    """
    drawn = canvas(size, classes)
    for number, row in enumerate(load(record.file)["objects"]):
        title = as_key(as_dict(row).get("classTitle"))
        if title not in classes.index:
            raise PictureError(
                f"{record.file}: object {number} is of class '{title}', which meta.json does not name; download the "
                "project again",
                "values",
            )
        try:
            mask = figure_mask(row, size)
        except (FigureError, MaskPngError) as error:
            message = f"{record.file}: object {number} ('{title}'): {error}; download the project again"
            raise PictureError(message, "form") from None
        if mask is not None:
            drawn[mask] = classes.index[title]
    return drawn


def geometry(figure: Mapping[str, Any]) -> Any:
    """Return a figure's type of geometry, which old projects don't name."""
    return figure.get("geometryType") or figure.get("shape") or ("bitmap" if figure.get("bitmap") else "polygon")


def figure_mask(figure: dict[str, Any], size: Size) -> NDArray[np.bool_] | None:
    """Return the pixels of a figure; None for one without area.

    Raises:
        FigureError: It is damaged.
        MaskPngError: Its bitmap is.
    """
    kind = geometry(figure)
    if kind in ("bitmap", "alpha_mask"):
        return _bitmap(figure.get(kind) or figure.get("bitmap"), size, 1 if kind == "bitmap" else 128)
    if kind == "rectangle":
        corners = _corners(_exterior(figure), size)
        if len(corners) != 2:
            raise FigureError(f"a rectangle has 2 points, not {len(corners)}")
        (left, right), (top, bottom) = (sorted(values) for values in zip(*corners, strict=True))
        mask = np.zeros(size, dtype=np.bool_)
        mask[max(top, 0) : max(bottom + 1, 0), max(left, 0) : max(right + 1, 0)] = True
        return mask
    if kind not in WITH_AREA:
        return None
    mask = np.zeros(size, dtype=np.bool_)
    for part in as_list(figure.get("parts")) or [figure.get("points")]:
        if not isinstance(part, dict):
            raise FigureError("it has no points")
        outer = filled([_corners(_exterior({"points": part}), size)], size)
        holes = [_corners(hole, size) for hole in as_list(part.get("interior"))]
        mask |= outer & ~filled(holes, size)
    return mask


def _exterior(figure: dict[str, Any]) -> Any:
    points = figure.get("points")
    return points.get("exterior") if isinstance(points, dict) else None


def _corners(points: Any, size: Size) -> list[tuple[int, int]]:
    """Whole corners: pixels, which a point lies in; one on the right or lower border in the last."""
    return [(math.floor(x) - (x == size[1]), math.floor(y) - (y == size[0])) for x, y in _points(points)]


def _points(points: Any) -> list[tuple[float, float]]:
    if not isinstance(points, list) or not points:
        raise FigureError("it has no points")
    for point in points:
        if not isinstance(point, list) or len(point) != 2 or not all(isinstance(v, int | float) for v in point):
            raise FigureError("its points are not all an x and a y")
        if not all(math.isfinite(value) and abs(value) <= FARTHEST for value in point):
            raise FigureError(f"a point lies beyond {FARTHEST:,} pixels or is no number")
    return [(x, y) for x, y in points]


def _bitmap(bitmap: Any, size: Size, opaque: int) -> NDArray[np.bool_]:
    origin = bitmap.get("origin") if isinstance(bitmap, dict) else None
    if not isinstance(origin, list) or not isinstance(bitmap.get("data"), str):
        raise FigureError("its bitmap has no origin or no data")
    own = opacity(inflated(base64_bytes(bitmap["data"]))) >= opaque
    ((left, top),) = _points([origin])
    return pasted(own, math.floor(left), math.floor(top), size)


def outlines(record: Record) -> Iterator[Outline]:
    """Yield the corners of a record's polygons and rectangles."""
    for number, row in enumerate(load(record.file)["objects"]):
        if geometry(as_dict(row)) not in WITH_AREA:
            continue
        for part in as_list(as_dict(row).get("parts")) or [as_dict(row).get("points")]:
            if corners := corners_of(as_dict(part).get("exterior")):
                yield Outline(f"object {number} ('{row.get('classTitle')}')", corners, bordered=True)


def is_meta(found: Glimpse) -> bool:
    """Whether a JSON file is the meta.json of a project."""
    return not found.listed and "classes" in found.keys and bool(found.names("title") and found.names("shape", "tags"))


def recognise(root: Path) -> str | None:
    """Say what in a folder speaks for a Supervisely project."""
    found = glimpse(root / "meta.json")
    if found is None or not is_meta(found):
        return None
    annotated = any(json_files(folder) for folder in folders_below(root) if folder.name == "ann")
    return "meta.json and */ann/ (Supervisely)" if annotated else None


KIND = DatasetKind(
    open=as_files_say(open_supervisely),
    entry=Entry(
        title="Supervisely's projects",
        contents="as many as were annotated; the classes of meta.json; the project's datasets are its splits, or all",
        licence="yours",
        page="",
        tree=("DIR/meta.json", "DIR/DATASET/ann/NAME.jpg.json", "DIR/DATASET/img/NAME.jpg"),
        by_hand="download the project in Supervisely's format; undrawn pixels are the background "
        "(data.options.unlabelled)",
    ),
    card="Pictures annotated in Supervisely, of its author's own.",
    options=ExportOptions,
    uses=PICTURES,
    undivided=True,
    recognise=recognise,
)
