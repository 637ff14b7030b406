"""COCO panoptic (Kirillov et al., CVPR 2019): a PNG of segment ids a picture, and a JSON that says each one's class."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.datasets.annotations.classes import Classes, classes_of
from sceneparse.datasets.annotations.coco import (
    categories_of,
    image_files,
    images_of,
    list_of,
    refuse_other_categories,
    size_of,
    whole_number,
)
from sceneparse.datasets.annotations.coco_files import is_panoptic, split_files
from sceneparse.datasets.annotations.drawn import DrawnPictures, Record, Size
from sceneparse.datasets.annotations.jsonfiles import glimpses, load
from sceneparse.datasets.annotations.locating import plain, sample_names
from sceneparse.datasets.annotations.options import FileOptions
from sceneparse.datasets.annotations.segment_ids import draw_segments, read_ids
from sceneparse.datasets.annotations.splits import chosen
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, as_files_say, root_of
from sceneparse.errors import UnannotatedError, UserError, counted
from sceneparse.settings import DataSettings
from sceneparse.settings.kinds import PICTURES


def open_coco_panoptic(settings: DataSettings, split: str, channels: int = 3) -> DrawnPictures:
    """Open a split of COCO panoptic.

    Args:
        settings: `root` holds the annotation files, their folders of masks and, as a rule, the pictures.
        split: As the annotation file is called; "all" where there is one file alone.
        channels: Channels of the pictures.

    Raises:
        UserError: No annotation file, no such split, a damaged file, or pictures or masks that are not there.
    """
    root = root_of(settings)
    options: FileOptions = KIND.read_options(settings.options, "data.options", "kind coco_panoptic")
    files = split_files(root, options.annotations, panoptic=True)
    path = chosen(files, split, root, lambda file: len(list_of(load(file), "images", file)))
    name = next(known for known, file in files.items() if file == path)
    whole = load(path)
    found = categories_of(whole, path)
    refuse_other_categories(found, path, files)
    classes = classes_of(found, options.unlabelled, "ignore", str(path))
    images = images_of(whole, path)
    annotated = _annotations(whole, path, images)
    left = len(images) - len(annotated)
    images = {key: row for key, row in images.items() if key in annotated}
    pictures, moved = image_files(images, path, root, options.images, name, files)
    folder = _masks(path, root, [row["file_name"] for row in annotated.values()])
    names = sample_names([plain(row["file_name"]) for row in images.values()])
    records = []
    for sample, image, (key, row) in zip(names, pictures, images.items(), strict=True):
        segments = {str(one["id"]): whole_number(one["category_id"]) for one in annotated[key]["segments_info"]}
        mask = folder / plain(annotated[key]["file_name"])
        records.append(Record(sample, image, mask, json.dumps(segments).encode(), size_of(row)))
    notes = [f"{path}: {counted(left, 'picture')} without annotation left out"] if left else []
    notes += moved
    return DrawnPictures(records, classes, draw, channels, notes=notes)


def _annotations(whole: Any, path: Path, images: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The annotation of each picture by the picture's id.

    Raises:
        UserError: One has no mask or no list of segments, a picture has two, or none is a picture's.
    """
    known = {named.key for named in categories_of(whole, path)}
    found: dict[str, dict[str, Any]] = {}
    for row in list_of(whole, "annotations", path):
        segments = row.get("segments_info") if isinstance(row, dict) else None
        if not isinstance(segments, list) or not isinstance(row.get("file_name"), str):
            raise UserError(f"{path}: an annotation has no segments_info or no file_name: not COCO's panoptic form")
        key = str(row.get("image_id"))
        for one in segments:
            if not isinstance(one, dict) or not isinstance(one.get("id"), int):
                raise UserError(f"{path}: a segment of image {key} has no whole number as id; export it again")
            if whole_number(one.get("category_id")) not in known:
                raise UserError(
                    f"{path}: segment {one['id']} of image {key} has category_id {one.get('category_id')}, which is no "
                    "class of the file's categories; export it again with all classes"
                )
        if key in found:
            raise UserError(f"{path}: image {key} has two annotations; a panoptic picture has one")
        if key in images:
            found[key] = row
    if not list_of(whole, "annotations", path):
        raise UnannotatedError(f"{path}: its list of annotations is empty: annotate pictures and export them again")
    if not found:
        raise UserError(f"{path}: no annotation's image_id is the id of one of its images; export it again")
    return found


def _masks(path: Path, root: Path, names: list[str]) -> Path:
    """The folder of a file's masks: beside the file and called like it, as a rule.

    Raises:
        UserError: Masks are nowhere.
    """
    folders = [path.with_suffix(""), path.parent, path.parent / "masks", root / path.stem]
    folders += [root / "panoptic", root / "masks"]
    for folder in folders:
        if (folder / plain(names[0])).is_file():
            return folder
    raise UserError(f"{path}: its mask {names[0]} is not in {folders[0]}, {path.parent} or {folders[3]}; put it there")


def draw(record: Record, size: Size, classes: Classes) -> NDArray[np.int16]:
    """Return the classes of a picture's segments: id 0 is what nobody drew.

    Raises:
        PictureError: The mask is missing, damaged, of another size, or has an id that the annotation does not name.
    """
    return draw_segments(record, read_ids(record.file, size), json.loads(record.drawing), classes)


def recognise(root: Path) -> str | None:
    """Say which of a folder's files speaks for COCO panoptic."""
    for found in glimpses(root, depth=1):
        if is_panoptic(found):
            return f"{found.path.relative_to(root)} (COCO panoptic)"
    return None


KIND = DatasetKind(
    open=as_files_say(open_coco_panoptic),
    entry=Entry(
        title="COCO panoptic: segment ids in PNG, classes in JSON",
        contents="as many as were annotated; the classes of the file; splits as the files say, or all",
        licence="yours",
        page="",
        tree=(
            "DIR/annotations/panoptic_{train,val}2017.json",
            "DIR/annotations/panoptic_{train,val}2017/NAME.png  (id = R + 256 G + 65536 B)",
            "DIR/{train,val}2017/NAME.jpg",
        ),
        by_hand="export it from the tool as COCO panoptic; id 0 counts in nothing (data.options.unlabelled)",
    ),
    card="Pictures with segments in COCO's panoptic form, of its author's own.",
    options=FileOptions,
    uses=PICTURES,
    undivided=True,
    recognise=recognise,
)
