"""V7 Darwin: its JSON 2.0, drawn as darwin-py's mask export draws it, and that export itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.arguments import together
from sceneparse.data.sample import DataSet
from sceneparse.datasets.annotations.classes import Classes, Named, classes_of
from sceneparse.datasets.annotations.darwin_drawings import DrawingError, drawn_file, paths_of
from sceneparse.datasets.annotations.darwin_masks import open_masks
from sceneparse.datasets.annotations.drawn import DrawnPictures, Record, Size
from sceneparse.datasets.annotations.jsonfiles import Glimpse, as_dict, as_list, glimpses, load
from sceneparse.datasets.annotations.locating import confirm, pictures_below, refuse_missing, sample_names
from sceneparse.datasets.annotations.options import ExportOptions
from sceneparse.datasets.annotations.outlines import Outline, corners_of
from sceneparse.datasets.annotations.splits import chosen, files_by_split, outside_note
from sceneparse.datasets.folder import subfolders
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, as_files_say, root_of
from sceneparse.errors import UserError, counted
from sceneparse.pictures.problems import PictureError
from sceneparse.settings import DataSettings
from sceneparse.settings.kinds import PICTURES

LAYOUT = (
    "Darwin JSON 2.0, one file a picture, anywhere below ROOT (or below ROOT/{train,val,test}), or a mask export: "
    "ROOT/class_mapping.csv and ROOT/masks/NAME.png; with the pictures below ROOT"
)


@dataclass(frozen=True)
class Item:
    """What a Darwin JSON file says.

    Args:
        path: The file.
        name: The picture's path in the dataset.
        size: The picture's size, None where it isn't said.
        drawings: What has an area: polygons, masks and raster layers.
        classes: The names of their classes.
        left: The number of annotations without area.
    """

    path: Path
    name: str
    size: Size | None
    drawings: list[dict[str, Any]]
    classes: frozenset[str]
    left: int


def open_darwin(settings: DataSettings, split: str, channels: int = 3) -> DataSet:
    """Open a split of an export of V7 Darwin.

    Args:
        settings: `root` holds the annotation files, or class_mapping.csv and masks, and, as a rule, the pictures.
        split: train, val or test where ROOT has such folders of JSON files, else all.
        channels: Channels of the pictures.

    Raises:
        UserError: Another layout, no such split, a damaged file, or pictures that are not there.
    """
    root = root_of(settings)
    options: ExportOptions = KIND.read_options(settings.options, "data.options", "kind darwin")
    subfolders(root)  # refuses what is no folder
    if (root / "class_mapping.csv").is_file():
        return open_masks(root, split, channels, options)
    splits = _current(files_by_split(root, is_darwin, LAYOUT), root)
    items = {path: read_item(path) for paths in splits.values() for path in paths}
    files = chosen(splits, split, root, len)
    names = sorted({name for item in items.values() for name in item.classes}, key=lambda name: (name.lower(), name))
    classes = classes_of([Named(name, name) for name in names], options.unlabelled, "background", str(root))
    pictures = pictures_below(root, options.images)
    own = [items[path] for path in files]
    _refuse_releases(own, root)
    name = next(known for known, paths in splits.items() if paths is files)
    found = [pictures.find([item.name, Path(item.name).name], pictures.root, name) for item in own]
    refuse_missing(
        files[0].parent,
        [item.name for item, image in zip(own, found, strict=True) if image is None],
        len(own),
        pictures,
    )
    moved = confirm(
        files[0].parent,
        [(root, item.name) for item in own],
        found,
        pictures,
        name,
        splits,
        lambda paths: [items[path].name for path in paths],
    )
    records = [
        Record(name, image, item.path, json.dumps(item.drawings).encode(), item.size)
        for name, item, image in zip(sample_names([item.name for item in own]), own, found, strict=True)
        if image is not None
    ]
    left = sum(item.left for item in own)
    notes = (
        [f"{root}: {counted(left, 'annotation')} of other types than polygon and mask left out (boxes, ellipses, tags)"]
        if left
        else []
    )
    notes += moved
    notes += outside_note(root, splits, is_darwin)
    return DrawnPictures(records, classes, draw, channels, notes=notes, outlines=outlines)


def _current(splits: dict[str, list[Path]], root: Path) -> dict[str, list[Path]]:
    """Without the files of older releases, where there is the link releases/latest that darwin-py makes.

    The files may be those of the folder that it leads to, since each folder is looked into once.
    """
    folders = {folder for paths in splits.values() for path in paths for folder in path.parents}
    beside = (folder / "latest" for folder in folders if folder == root or root in folder.parents)
    newest = [folder.resolve() for folder in beside if folder.is_dir()]
    latest = {
        name: [path for path in paths if any(path.resolve().is_relative_to(folder) for folder in newest)]
        for name, paths in splits.items()
    }
    return {name: latest[name] or paths for name, paths in splits.items()}


def _refuse_releases(items: Sequence[Item], root: Path) -> None:
    """Raise a `UserError` if two files annotate one picture, as those of two releases do."""
    first: dict[str, Path] = {}
    for item in items:
        other = first.setdefault(item.name, item.path)
        if other != item.path:
            given = {"data.root": str(item.path.parent.parent), "data.options.images": str(root.absolute())}
            raise UserError(
                f"{other} and {item.path} both annotate '{item.name}', as files of two releases do: keep one release "
                f"below {root}, or name it, such as {together(given)}"
            )


def is_darwin(found: Glimpse) -> bool:
    """Whether a JSON file is Darwin's, of version 2.0."""
    return not found.listed and {"item", "annotations"} <= found.keys and found.names("slots", "schema_ref") > 0


def read_item(path: Path) -> Item:
    """Read a Darwin JSON file.

    Raises:
        UserError: It is damaged, or of a video or volume.
    """
    whole = load(path)
    item, rows = whole.get("item"), whole.get("annotations")
    if not isinstance(item, dict) or not isinstance(rows, list) or not isinstance(item.get("name"), str):
        raise UserError(f"{path}: has no item with a name or no annotations, which Darwin JSON has; export it again")
    slots = [slot for slot in as_list(item.get("slots")) if isinstance(slot, dict)]
    slot = slots[0] if slots else {}
    if slot.get("type", "image") != "image" or slot.get("frame_count") not in (None, 1) or len(slots) > 1:
        raise UserError(f"{path}: is of a {slot.get('type')} or has several slots; only single pictures are read")
    drawings, classes = [], set()
    for row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("name"), str):
            raise UserError(f"{path}: an annotation has no name of its class; export it again")
        if not {"polygon", "mask", "raster_layer"} & row.keys():
            continue
        drawings.append({**row, "name": row["name"].strip()})
        if "raster_layer" not in row:
            classes.add(row["name"].strip())
    height, width = slot.get("height"), slot.get("width")
    size = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    name = f"{item.get('path') or '/'}/{item['name']}".strip("/").replace("//", "/")
    return Item(path, name, size, drawings, frozenset(classes), len(rows) - len(drawings))


def draw(record: Record, size: Size, classes: Classes) -> NDArray[np.int16]:
    """Draw a picture's raster layer and polygons, later ones on top.

    Raises:
        PictureError: One is damaged or of another size.
    """
    drawings: Sequence[dict[str, Any]] = json.loads(record.drawing)
    try:
        return drawn_file(drawings, size, classes)
    except DrawingError as error:
        raise PictureError(f"{record.file}: {error}; export it again", "form") from None


def outlines(record: Record) -> Iterator[Outline]:
    """Yield the paths of a record's polygons."""
    for row in json.loads(record.drawing):
        for path in paths_of(row.get("polygon")):
            if corners := corners_of([(as_dict(point).get("x"), as_dict(point).get("y")) for point in as_list(path)]):
                yield Outline(f"annotation {row.get('id')} ('{row['name']}')", corners, bordered=True)


def recognise(root: Path) -> str | None:
    """Say which of a folder's files speaks for Darwin."""
    try:
        with (root / "class_mapping.csv").open("rb") as file:
            if file.read(30).removeprefix(b"\xef\xbb\xbf").startswith(b"class_name,class_color"):
                return "class_mapping.csv (V7 Darwin's masks)"
    except OSError:
        pass
    for found in glimpses(root, depth=3):
        if is_darwin(found):
            return f"{found.path.relative_to(root)} (V7 Darwin's JSON)"
    return None


KIND = DatasetKind(
    open=as_files_say(open_darwin),
    entry=Entry(
        title="V7 Darwin: its JSON, or its masks",
        contents="as many as were annotated; the classes that were drawn; splits as folders say, or all",
        licence="yours",
        page="",
        tree=(
            "DIR/releases/latest/annotations/NAME.json and DIR/images/NAME.jpg  (darwin dataset pull)",
            "DIR/class_mapping.csv, DIR/masks/NAME.png and DIR/images/NAME.jpg  (mask export, mode index or rgb)",
        ),
        by_hand="export Darwin JSON 2.0; undrawn pixels are the background (data.options.unlabelled)",
    ),
    card="Pictures annotated in V7 Darwin, of its author's own.",
    options=ExportOptions,
    uses=PICTURES,
    undivided=True,
    recognise=recognise,
)
