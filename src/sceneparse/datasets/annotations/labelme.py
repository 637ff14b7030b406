"""labelme's JSON files, one beside each picture, drawn as labelme's own `shapes_to_label` draws them."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sceneparse.datasets.annotations.classes import Classes, Named, classes_of
from sceneparse.datasets.annotations.drawn import DrawnPictures, Record, Size, canvas
from sceneparse.datasets.annotations.jsonfiles import Glimpse, glimpses, load
from sceneparse.datasets.annotations.labelme_shapes import ShapeError, shape_mask
from sceneparse.datasets.annotations.locating import (
    Pictures,
    confirm,
    pictures_below,
    plain,
    refuse_missing,
    sample_names,
)
from sceneparse.datasets.annotations.options import ExportOptions
from sceneparse.datasets.annotations.outlines import Outline, corners_of
from sceneparse.datasets.annotations.splits import ALL, chosen, files_by_split, outside_note
from sceneparse.datasets.exported import exported, undrawn, written_here
from sceneparse.datasets.folder import subfolders
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, as_files_say, root_of
from sceneparse.errors import UserError, counted, reason_of
from sceneparse.pictures.finding import walk
from sceneparse.pictures.problems import PictureError
from sceneparse.settings import DataSettings
from sceneparse.settings.kinds import PICTURES

IGNORED, BACKGROUND = "__ignore__", "_background_"
"""labelme's labels of what counts in nothing and of the background."""

LABELS = "labels.txt"
"""The file that lists the classes, as `labelme --labels` takes it."""

LAYOUT = (
    "labelme's NAME.json beside each NAME.jpg, in ROOT or folders below it, or in ROOT/{train,val,test}, or in "
    "ROOT/annotations/{train,val,test} with the pictures in ROOT/images/{train,val,test}; a labels.txt in ROOT gives "
    "the classes' order"
)


class Annotated(NamedTuple):
    """What a JSON file of labelme says, but for its shapes' points.

    Args:
        path: The file.
        image: The picture's path as it is written there.
        size: The picture's size, None where it isn't said.
        labels: The labels of its shapes.
        embedded: Whether the picture itself is in the file.
    """

    path: Path
    image: str
    size: Size | None
    labels: tuple[str, ...]
    embedded: bool


def open_labelme(settings: DataSettings, split: str, channels: int = 3) -> DrawnPictures:
    """Open a split of pictures annotated with labelme. Pictures without a JSON file are not annotated, and left out.

    Args:
        settings: `root` holds the JSON files and, as a rule, the pictures.
        split: train, val or test where ROOT has such folders, else all.
        channels: Channels of the pictures.

    Raises:
        UserError: No JSON file of labelme's, no such split, a damaged file, or pictures that are not there.
    """
    root = root_of(settings)
    options: ExportOptions = KIND.read_options(settings.options, "data.options", "kind labelme")
    splits = files_by_split(root, is_labelme, LAYOUT)
    files = chosen(splits, split, root, len)
    seen = {path: _read(path) for paths in splits.values() for path in paths}
    unlabelled = undrawn(root, options.unlabelled)
    classes = classes_of(
        _names(root, splits, list(seen.values()), unlabelled == "ignore"),
        unlabelled,
        "background",
        str(root),
        ignored=(IGNORED,),
        written_here=written_here(root, options.unlabelled),
    )
    base = root if tuple(splits) == (ALL,) else _folder_of(splits, files, root)
    held = _pictures_of(base, root)
    named_below_root = options.images is not None and (root / options.images).is_dir()
    pictures = pictures_below(root if named_below_root else held, options.images)
    own = "" if base == root else base.name
    everything = {name: [seen[path] for path in paths] for name, paths in splits.items()}
    records, taken, moved = _records([seen[path] for path in files], base, pictures, own, everything)
    # Where all splits' pictures lie in one folder, those of the others are annotated too.
    shared = options.images is not None or held.name != base.name
    others = {Path(plain(one.image)).name for path, one in seen.items() if path not in files} if shared else set()
    left = sum(path.resolve() not in taken and path.name not in others for path, _ in walk(pictures.root))
    notes = [f"{base}: {counted(left, 'picture')} without a JSON file not annotated, left out"] if left else []
    notes += moved
    notes += outside_note(root, splits, is_labelme)
    return DrawnPictures(records, classes, draw, channels, embedded_picture, notes, outlines)


def _folder_of(splits: dict[str, list[Path]], files: list[Path], root: Path) -> Path:
    """The folder of a split: ROOT/val, or ROOT/annotations/val."""
    name = next(name for name, paths in splits.items() if paths is files)
    below = files[0].relative_to(root).parts
    return root.joinpath(*below[: below.index(name) + 1])


def _pictures_of(base: Path, root: Path) -> Path:
    """Where a split's pictures lie: with its JSON files, in a folder of the same name, as images/val, or all in one."""
    if base == root or base.parent == root:
        return base
    if _holds_pictures(base):
        return base
    beside = [root / name for name in subfolders(root) if root / name != base.parent]
    own = [one / base.name for one in beside if _holds_pictures(one / base.name)]
    held = own or [one for one in beside if _holds_pictures(one)]
    return held[0] if len(held) == 1 else base


def _holds_pictures(folder: Path) -> bool:
    return folder.is_dir() and next(iter(walk(folder)), None) is not None


def is_labelme(found: Glimpse) -> bool:
    """Whether a JSON file is labelme's."""
    return not found.listed and "shapes" in found.keys and bool(found.names("imagePath", "imageData", "shape_type"))


def _read(path: Path) -> Annotated:
    """What a JSON file says, but for its shapes' points.

    Raises:
        UserError: It is damaged.
    """
    whole = load(path)
    shapes = whole.get("shapes") if isinstance(whole, dict) else None
    image = whole.get("imagePath") if isinstance(whole, dict) else None
    if not isinstance(shapes, list) or not isinstance(image, str):
        raise UserError(
            f"{path}: has no list of shapes or no imagePath, which labelme writes; save it again in labelme"
        )
    labels = []
    for number, shape in enumerate(shapes):
        if not isinstance(shape, dict) or not isinstance(shape.get("label"), str):
            raise UserError(f"{path}: shape {number} has no label; label it in labelme")
        labels.append(shape["label"])
    height, width = whole.get("imageHeight"), whole.get("imageWidth")
    size = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    return Annotated(path, image, size, tuple(dict.fromkeys(labels)), isinstance(whole.get("imageData"), str))


def _names(root: Path, splits: Iterable[str], seen: Sequence[Annotated], ignoring: bool) -> list[Named]:
    """The classes: those of labels.txt, or else all labels by name; the background first where it is one.

    The list lies in the export, or in the folders of its splits.
    """
    drawn = {label for one in seen for label in one.labels} - {IGNORED}
    lists = [path for path in (root / LABELS, *(root / name / LABELS for name in splits)) if path.is_file()]
    if lists:
        names = [name for name in dict.fromkeys(line for path in lists for line in _lines(path)) if name != IGNORED]
        if more := sorted(drawn - {*names, BACKGROUND}):
            raise UserError(f"{lists[0]}: does not list '{more[0]}', which is drawn; add it there or relabel the shape")
    else:
        names = sorted(drawn)
    # What `data export` wrote keeps the order of its classes.
    if BACKGROUND in names and (ours := exported(root)) is not None and set(names) == set(ours.classes):
        return [Named(name, name) for name in names]
    others = [name for name in names if name != BACKGROUND]
    if BACKGROUND in drawn or (BACKGROUND in names and not ignoring):
        return [Named(name, name) for name in (BACKGROUND, *others)]
    return [Named(name, name) for name in others]


def _lines(listed: Path) -> list[str]:
    try:
        lines = [line.strip() for line in listed.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{listed}: cannot be read ({reason_of(error)})") from None
    return [line for line in lines if line]


def _records(
    seen: Sequence[Annotated], base: Path, pictures: Pictures, split: str, splits: Mapping[str, Sequence[Annotated]]
) -> tuple[list[Record], Collection[Path], list[str]]:
    """A record a JSON file, the pictures that have one, and notes on those that are not where the file says."""
    records, missing = [], []
    taken: dict[Path, Path] = {}
    found: list[Path | None] = []
    names = sample_names([one.path.relative_to(base).as_posix() for one in seen])
    for name, one in zip(names, seen, strict=True):
        written = plain(one.image)
        stem = Path(written).name
        # labelme looks beside the JSON file alone; a picture that was moved along with it has its name, not its path.
        image = pictures.find([one.image.replace("\\", "/"), written, stem], one.path.parent, split)
        found.append(image)
        if image is None and not one.embedded:
            missing.append(one.image)
            continue
        records.append(Record(name, image or one.path, one.path, b"", one.size, embedded=image is None))
    refuse_missing(seen[0].path.parent, missing, len(seen), pictures)
    wanted = [(one.path.parent, one.image.replace("\\", "/")) for one in seen]
    moved = confirm(
        base, wanted, found, pictures, split, splits, lambda others: [plain(other.image) for other in others]
    )
    for image, one in zip(found, seen, strict=True):
        if image is not None and (other := taken.setdefault(image.resolve(), one.path)) != one.path:
            raise UserError(
                f"{other} and {one.path} are both of the picture {image}: put their shapes into one file, or take one "
                "of them away"
            )
    return records, taken.keys(), moved


def embedded_picture(path: Path) -> bytes:
    """Return the picture that is in a JSON file of labelme's.

    Raises:
        PictureError: It is damaged.
    """
    try:
        return base64.b64decode(load(path)["imageData"], validate=True)
    except (binascii.Error, KeyError, TypeError, ValueError):
        raise PictureError(
            f"{path}: its imageData is damaged, and the picture is not beside it; put it there"
        ) from None


def draw(record: Record, size: Size, classes: Classes) -> NDArray[np.int16]:
    """Draw a picture's shapes, later ones on top.

    Raises:
        PictureError: A shape has points that cannot be drawn.
    """
    drawn = canvas(size, classes)
    whole: Any = load(record.file)
    for number, shape in enumerate(whole["shapes"]):
        try:
            mask = shape_mask(shape, size)
        except ShapeError as error:
            raise PictureError(
                f"{record.file}: shape {number} ('{shape['label']}'): {error}; mend it in labelme", "form"
            ) from None
        drawn[mask] = classes.index[shape["label"]]
    return drawn


def outlines(record: Record) -> Iterator[Outline]:
    """Yield the corners of a record's shapes; a circle's are on its axes."""
    for number, shape in enumerate(load(record.file)["shapes"]):
        corners = corners_of(shape.get("points"))
        if shape.get("shape_type") == "circle" and len(corners) == 2:
            (x, y), radius = corners[0], math.dist(*corners)
            corners = [(x - radius, y), (x, y - radius), (x + radius, y), (x, y + radius)]
        if corners and shape.get("shape_type") not in ("mask", "point"):
            yield Outline(f"shape {number} ('{shape['label']}')", corners, bordered=True)


def recognise(root: Path) -> str | None:
    """Say which of a folder's files speaks for labelme."""
    for found in glimpses(root):
        if is_labelme(found):
            return f"{found.path.relative_to(root)} (labelme)"
    return None


KIND = DatasetKind(
    open=as_files_say(open_labelme),
    entry=Entry(
        title="labelme's JSON files",
        contents="as many as were annotated; the labels drawn, or those of labels.txt; splits as folders say, or all",
        licence="yours",
        page="",
        tree=("DIR/NAME.json beside DIR/NAME.jpg, or in DIR/{train,val,test}/", "DIR/labels.txt  (if there is one)"),
        by_hand="save in labelme; undrawn pixels are the background (data.options.unlabelled), __ignore__ counts in "
        "nothing",
    ),
    card="Pictures annotated with labelme, of its author's own.",
    options=ExportOptions,
    uses=PICTURES,
    undivided=True,
    recognise=recognise,
)
