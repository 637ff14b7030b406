"""COCO JSON (Lin et al., ECCV 2014), as COCO publishes it and most annotation tools export it: an outline an object."""

from __future__ import annotations

import pickle
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sceneparse.datasets.annotations.classes import Classes, Named, classes_of
from sceneparse.datasets.annotations.coco_files import ROBOFLOW, is_coco, split_files
from sceneparse.datasets.annotations.coco_masks import (
    MaskError,
    encloses_nothing,
    mask_package,
    polygon_mask,
    rle_mask,
)
from sceneparse.datasets.annotations.drawn import DrawnPictures, Record, Size, canvas
from sceneparse.datasets.annotations.jsonfiles import glimpses, load, peeked_list
from sceneparse.datasets.annotations.locating import (
    Pictures,
    confirm,
    pictures_below,
    plain,
    refuse_missing,
    sample_names,
)
from sceneparse.datasets.annotations.options import FileOptions
from sceneparse.datasets.annotations.outlines import Outline, flat_corners
from sceneparse.datasets.annotations.splits import chosen
from sceneparse.datasets.exported import undrawn, written_here
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, as_files_say, root_of
from sceneparse.errors import UserError, counted
from sceneparse.labels.space import Color
from sceneparse.pictures.problems import PictureError
from sceneparse.settings import DataSettings
from sceneparse.settings.kinds import PICTURES


@dataclass(frozen=True)
class CocoOptions(FileOptions):
    """How COCO JSON is read.

    Args:
        unlabelled: What pixels are that nobody drew: background (a class, which learns), ignore (they count in
            nothing), or auto: background, but in what `sceneparse data export` wrote ignore.
        images: The folder of the pictures, where they do not lie in the export: absolute, from data.root on or, where
            none is there, from where the command runs.
        annotations: The annotation file below data.root, with {split} for the split's name, such as
            "annotations/instances_{split}2017.json". Null: found by its name.
        overlap: Which object a pixel of two belongs to: order (the later one of the file), or area (the smaller one).
    """

    overlap: Literal["order", "area"] = "order"


def open_coco(settings: DataSettings, split: str, channels: int = 3) -> DrawnPictures:
    """Open a split of COCO JSON.

    Args:
        settings: `root` holds the annotation files and, as a rule, the pictures.
        split: As the annotation file or its folder is called; "all" where there is one file alone.
        channels: Channels of the pictures.

    Raises:
        UserError: No annotation file, no such split, a damaged file, or pictures that are not there.
    """
    root = root_of(settings)
    options: CocoOptions = KIND.read_options(settings.options, "data.options", "kind coco")
    files = split_files(root, options.annotations, panoptic=False)
    path = chosen(files, split, root, lambda file: len(list_of(load(file), "images", file)))
    whole = load(path)
    name = next(known for known, file in files.items() if file == path)
    images = images_of(whole, path)
    pictures, moved = image_files(images, path, root, options.images, name, files)
    records, notes = _records(whole, path, images, pictures)
    found = categories_of(whole, path)
    refuse_other_categories(found, path, files)
    unlabelled, ours = undrawn(root, options.unlabelled), written_here(root, options.unlabelled)
    classes = classes_of(found, unlabelled, "background", str(path), written_here=ours)
    return DrawnPictures(
        records, classes, partial(draw, overlap=options.overlap), channels, notes=[*notes, *moved], outlines=outlines
    )


def categories_of(whole: Any, path: Path) -> list[Named]:
    """The categories of a COCO file, in the order of their ids.

    Roboflow writes the project's name as category 0, above all others, which is no class.

    Raises:
        UserError: They are none, or without id or name.
    """
    found = []
    rows = list_of(whole, "categories", path)
    for row in rows:
        number = whole_number(row.get("id")) if isinstance(row, dict) else None
        if number is None or not isinstance(row.get("name"), str):
            raise UserError(f"{path}: category {row!r} has no whole number as id or no name; export it again")
        if not _is_project(row, rows, path):
            found.append(Named(number, row["name"], _color(row.get("color")), number))
    return sorted(found, key=lambda one: one.id or 0)


def _is_project(row: Mapping[str, Any], rows: Sequence[Any], path: Path) -> bool:
    if path.name != ROBOFLOW or whole_number(row["id"]) != 0 or row.get("supercategory") != "none" or len(rows) < 2:
        return False
    others = [other for other in rows if other is not row]
    return all(isinstance(other, dict) and other.get("supercategory") == row["name"] for other in others)


def refuse_other_categories(found: Sequence[Named], path: Path, files: Mapping[str, Path]) -> None:
    """Raise a `UserError` if another split's file names other categories, so that a class index would mean two things.

    Args:
        found: The categories of one split.
        path: Its file.
        files: The files of all splits.
    """
    for other in files.values():
        rows = None if other == path else peeked_list(other, "categories")
        if rows is None:
            continue
        theirs = categories_of({"categories": rows}, other)
        names = {path: {one.id: one.name for one in found}, other: {one.id: one.name for one in theirs}}
        if differing := set(names[path].items()) ^ set(names[other].items()):
            number, _ = min(differing, key=str)
            both = [(split, file) for split, file in files.items() if file in names]  # in one order for every split
            sides = (repr(names[file][number]) if number in names[file] else "none" for _, file in both)
            said = ", ".join(f"{side} in {split}" for side, (split, _) in zip(sides, both, strict=True))
            raise UserError(
                f"{both[0][1]} and {both[1][1]} name different categories, such as {number}, which is {said}: export "
                "all splits together, so that they have the same classes"
            )


def _color(given: Any) -> Color | None:
    if isinstance(given, list) and len(given) >= 3 and all(isinstance(v, int) and 0 <= v <= 255 for v in given[:3]):
        return given[0], given[1], given[2]
    return None


def images_of(whole: Any, path: Path) -> dict[str, dict[str, Any]]:
    """The pictures of a COCO file by their id, as text: some tools write numbers as text in one of the two lists.

    Raises:
        UserError: There are none, or two of one id or name.
    """
    images: dict[str, dict[str, Any]] = {}
    for row in list_of(whole, "images", path):
        if not isinstance(row, dict) or "id" not in row or not isinstance(row.get("file_name"), str):
            raise UserError(f"{path}: image {row!r} has no id or no file_name; export it again")
        if str(row["id"]) in images:
            raise UserError(f"{path}: image id {row['id']} is there twice; give each picture its own")
        images[str(row["id"])] = row
    if not images:
        raise UserError(f"{path}: names no picture")
    names = Counter(plain(row["file_name"]) for row in images.values())
    if twice := [name for name, count in names.items() if count > 1]:
        raise UserError(f"{path}: picture '{twice[0]}' is there under two ids; give each picture one")
    return images


def image_files(
    images: Mapping[str, Mapping[str, Any]],
    path: Path,
    root: Path,
    folder: str | None,
    split: str,
    splits: Mapping[str, Path],
) -> tuple[list[Path], list[str]]:
    """The files of a COCO file's pictures, and notes on those that are not where the file says.

    Raises:
        UserError: Some are not there, a name could mean two, or they are in another split's folder.
    """
    pictures: Pictures = pictures_below(root, folder)
    names = [row["file_name"] for row in images.values()]
    found = [pictures.find([plain(name)], path.parent if folder is None else pictures.root, split) for name in names]
    missing = [name for name, file in zip(names, found, strict=True) if file is None]
    refuse_missing(path, missing, len(names), pictures)
    notes = confirm(
        path, [(path.parent, plain(name)) for name in names], found, pictures, split, splits, _picture_names
    )
    return [file for file in found if file is not None], notes


def _picture_names(file: Path) -> Iterator[str]:
    """The names of the pictures of another split's file, of which nothing else is read."""
    for row in peeked_list(file, "images") or []:
        if isinstance(row.get("file_name"), str):
            yield plain(row["file_name"])


def size_of(row: Mapping[str, Any]) -> Size | None:
    """The size of a picture as a COCO file gives it, None where it doesn't."""
    height, width = (whole_number(row.get(key)) for key in ("height", "width"))
    return (height, width) if height and width else None


def whole_number(given: Any) -> int | None:
    """Return a whole number, which some tools write as text or with a point; None for anything else."""
    try:
        return int(float(given)) if float(given).is_integer() else None
    except (TypeError, ValueError, OverflowError):
        return None


def _records(
    whole: Any, path: Path, images: Mapping[str, Mapping[str, Any]], files: Sequence[Path]
) -> tuple[list[Record], list[str]]:
    """A record a picture, and notes on what was left out."""
    known = {named.key for named in categories_of(whole, path)}
    drawings: dict[str, list[Any]] = defaultdict(list)
    bare = lost = 0
    rows = list_of(whole, "annotations", path)
    for row in rows:
        if not isinstance(row, dict):
            raise UserError(f"{path}: annotation {row!r} is no object; export it again")
        category = whole_number(row.get("category_id"))
        if category not in known:
            raise UserError(
                f"{path}: annotation {row.get('id')} has category_id {row.get('category_id')}, which is no class of "
                "the file's categories; export it again with all classes"
            )
        if not row.get("segmentation"):
            bare += 1
        elif str(row.get("image_id")) not in images:
            lost += 1
        else:
            drawings[str(row["image_id"])].append((row.get("id"), category, row["segmentation"]))
    if rows and bare == len(rows):
        raise UserError(
            f"{path}: has boxes or key points only, no outline (segmentation) of an object: parsing needs outlines; "
            "export polygons or masks"
        )
    if rows and not drawings:
        raise UserError(f"{path}: no annotation's image_id is the id of one of its images; export it again")
    if any(isinstance(drawing[-1], list) for own in drawings.values() for drawing in own):
        mask_package()
    notes = []
    if bare:
        notes.append(f"{path}: {counted(bare, 'annotation')} without an outline (boxes, key points) left out")
    if lost:
        notes.append(f"{path}: {counted(lost, 'annotation')} of pictures that it does not name left out")
    names = sample_names([plain(row["file_name"]) for row in images.values()])
    # Packed, since a data set of a hundred thousand pictures has tens of millions of numbers.
    records = [
        Record(name, file, path, pickle.dumps(drawings.get(key, [])), size_of(row))
        for name, file, (key, row) in zip(names, files, images.items(), strict=True)
    ]
    return records, notes


def draw(record: Record, size: Size, classes: Classes, overlap: Literal["order", "area"]) -> NDArray[np.int16]:
    """Draw a picture's objects over each other.

    Raises:
        PictureError: An object's segmentation is damaged or of another size.
    """
    drawn = canvas(size, classes)
    # The number of pixels of the object that each pixel belongs to.
    areas = np.full(size, np.iinfo(np.int64).max) if overlap == "area" else None
    for number, category, segmentation in pickle.loads(record.drawing):
        try:
            mask = _mask(segmentation, size)
        except MaskError as error:
            message = f"{record.file}: annotation {number} of picture '{record.name}': {error}; export it again"
            raise PictureError(message, "form") from None
        if areas is not None:
            area = mask.sum()
            mask &= areas >= area
            areas[mask] = area
        drawn[mask] = classes.index[category]
    return drawn


def outlines(record: Record) -> Iterator[Outline]:
    """Yield the polygons of a record, and masks without a pixel."""
    for number, _, segmentation in pickle.loads(record.drawing):
        if encloses_nothing(segmentation):
            yield Outline(f"annotation {number}", ())
        elif isinstance(segmentation, list):
            for polygon in segmentation:
                if corners := flat_corners(polygon):
                    yield Outline(f"annotation {number}", corners)


def _mask(segmentation: Any, size: Size) -> NDArray[np.bool_]:
    if isinstance(segmentation, dict):
        return rle_mask(segmentation, size)
    if isinstance(segmentation, list) and isinstance(segmentation[0], list):
        return polygon_mask(segmentation, size)
    raise MaskError("its segmentation is neither a list of polygons nor run lengths")


def list_of(whole: Any, key: str, path: Path) -> list[Any]:
    """A list at the top of a COCO file.

    Raises:
        UserError: It is not there.
    """
    found = whole.get(key) if isinstance(whole, dict) else None
    if not isinstance(found, list):
        raise UserError(f'{path}: no list "{key}", which COCO JSON has; is it another tool\'s file?')
    return found


def recognise(root: Path) -> str | None:
    """Say which of a folder's files speaks for COCO JSON."""
    for found in glimpses(root, depth=1):
        if is_coco(found):
            return f"{found.path.relative_to(root)} (COCO JSON)"
    return None


KIND = DatasetKind(
    open=as_files_say(open_coco),
    entry=Entry(
        title="COCO JSON: polygons and run lengths",
        contents="as many as were annotated; the classes of the file; splits as the files say, or all",
        licence="yours",
        page="",
        tree=(
            "DIR/annotations/instances_{train,val}2017.json and pictures below DIR  (COCO, CVAT, Datumaro)",
            "DIR/{train,valid,test}/_annotations.coco.json and pictures beside it  (Roboflow)",
            "DIR/result.json and DIR/images/NAME.jpg  (one file: split all)",
        ),
        by_hand="export it from the tool as COCO; undrawn pixels are the background (data.options.unlabelled)",
    ),
    card="Pictures with objects outlined in COCO JSON, of its author's own.",
    options=CocoOptions,
    uses=PICTURES,
    undivided=True,
    recognise=recognise,
    package=mask_package,
)
