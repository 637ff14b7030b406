"""Segments.ai's releases: a JSON file, the pictures, and of each one a PNG of segment ids, or polygons in the JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.datasets.annotations.classes import Classes, Named, classes_of
from sceneparse.datasets.annotations.drawn import DrawnPictures, Record, Size, canvas
from sceneparse.datasets.annotations.filling import inside_paths
from sceneparse.datasets.annotations.jsonfiles import (
    Glimpse,
    as_dict,
    as_key,
    as_list,
    glimpse,
    glimpses,
    json_files,
    load,
)
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
from sceneparse.datasets.annotations.segment_ids import draw_segments, read_ids
from sceneparse.datasets.annotations.splits import ALL, chosen, is_role
from sceneparse.datasets.folder import subfolders, wrong_layout
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, as_files_say, root_of
from sceneparse.errors import UnannotatedError, UserError, counted
from sceneparse.labels.space import Color
from sceneparse.pictures.problems import PictureError
from sceneparse.settings import DataSettings
from sceneparse.settings.kinds import PICTURES

LAYOUT = (
    "a release of Segments.ai: ROOT/RELEASE.json with NAME.jpg and NAME_label_LABELSET.png anywhere below ROOT, as its "
    "SDK keeps them in segments/OWNER_DATASET/RELEASE"
)


FARTHEST = 1_000_000
"""Largest coordinate of a corner in pixels."""


@dataclass(frozen=True)
class SegmentsOptions(ExportOptions):
    """How a release of Segments.ai is read.

    Args:
        unlabelled: What pixels are that nobody drew (id 0): background (a class, which learns), ignore (they count in
            nothing), or auto: ignore.
        images: The folder of the pictures, where they do not lie in the export.
        labelset: The set of labels that is read.
    """

    labelset: str = "ground-truth"


def open_segments(settings: DataSettings, split: str, channels: int = 3) -> DrawnPictures:
    """Open a split of a Segments.ai release. Samples without a label are left out.

    Args:
        settings: `root` holds the release's JSON file and what it names.
        split: As the JSON file is called; "all" where there is one file alone.
        channels: Channels of the pictures.

    Raises:
        UserError: No release, no such split, a damaged file, or pictures or masks that are not there.
    """
    root = root_of(settings)
    options: SegmentsOptions = KIND.read_options(settings.options, "data.options", "kind segments")
    files = _files(root)
    path = chosen(files, split, root, lambda file: len(_labelled(load(file), file, options.labelset)))
    whole = load(path)
    found = _categories(whole, path)
    classes = classes_of(found, options.unlabelled, "ignore", str(path))
    samples = _labelled(whole, path, options.labelset)
    pictures, everything = pictures_below(root, options.images), Pictures(root)
    name = next(known for known, file in files.items() if file == path)
    images = [pictures.find(_names(sample), path.parent, name) for sample in samples]
    missing = [_names(sample)[0] for sample, image in zip(samples, images, strict=True) if image is None]
    refuse_missing(path, missing, len(samples), pictures)
    wanted = [(path.parent, str(one["name"])) for one in samples]
    moved = confirm(path, wanted, images, pictures, name, files, _every_name)
    records, lost = [], []
    for name, sample, image in zip(sample_names([str(s["name"]) for s in samples]), samples, images, strict=True):
        assert image is not None  # the missing ones are refused
        label = as_dict(_label(sample, options.labelset))
        drawing = json.dumps(label["annotations"]).encode()
        if not _in_pixels(label):
            records.append(Record(name, image, path, drawing))
        elif (mask := everything.find(_masks(sample, label, options.labelset), image.parent)) is not None:
            records.append(Record(name, image, mask, drawing))
        else:
            lost.append(_masks(sample, label, options.labelset)[0])
    refuse_missing(path, lost, len(samples), everything)
    left = len(whole["dataset"]["samples"]) - len(samples)
    notes = [f"{path}: {counted(left, 'sample')} without a label left out"] if left else []
    notes += moved
    labels = [as_dict(_label(sample, options.labelset)) for sample in samples]
    drawn = [one for label in labels if not _in_pixels(label) for one in label["annotations"]]
    if flat := sum(one.get("type") != "polygon" for one in drawn):
        notes.append(f"{path}: {counted(flat, 'annotation')} without area (boxes, lines, points) left out")
    return DrawnPictures(records, classes, draw, channels, notes=notes, outlines=outlines)


def is_release(found: Glimpse) -> bool:
    """Whether a JSON file is a release of Segments.ai."""
    return not found.listed and "dataset" in found.keys and found.names("task_type", "task_attributes", "labelsets") > 1


def _files(root: Path) -> dict[str, Path]:
    folders = [root, *(root / name for name in subfolders(root))]
    paths = [path for folder in folders for path in json_files(folder)]
    seen = [path for path in paths if (found := glimpse(path)) is not None and is_release(found)]
    if not seen:
        raise wrong_layout(root, LAYOUT)
    if len(seen) == 1 and not is_role(seen[0].stem):
        return {ALL: seen[0]}
    return {path.stem: path for path in seen}


def _categories(whole: Any, path: Path) -> list[Named]:
    rows = as_dict(as_dict(as_dict(whole).get("dataset")).get("task_attributes")).get("categories")
    if not isinstance(rows, list) or not all(isinstance(r, dict) and isinstance(r.get("id"), int) for r in rows):
        raise UserError(f"{path}: names no categories with their ids; release the dataset again")
    return [Named(row["id"], str(row.get("name", "")), _color(row.get("color")), row["id"]) for row in rows]


def _color(given: Any) -> Color | None:
    if isinstance(given, list) and len(given) >= 3 and all(isinstance(v, int) and 0 <= v <= 255 for v in given[:3]):
        return given[0], given[1], given[2]
    return None


def _labelled(whole: Any, path: Path, labelset: str) -> list[dict[str, Any]]:
    """The samples that have a label of a set.

    Raises:
        UserError: There is no such set, nothing is labelled, or the file is damaged.
    """
    dataset = whole.get("dataset") if isinstance(whole, dict) else None
    samples = dataset.get("samples") if isinstance(dataset, dict) else None
    if not isinstance(dataset, dict) or not isinstance(samples, list):
        raise UserError(f"{path}: has no samples; it is no release of Segments.ai")
    sets = [str(as_dict(one).get("name")) for one in as_list(dataset.get("labelsets"))]
    if sets and labelset not in sets:
        raise UserError(f"{path}: no labelset '{labelset}'; there are: {', '.join(sets)} (data.options.labelset)")
    found = []
    for sample in samples:
        if (label := _label(sample, labelset)) is None:
            continue
        if not str(sample.get("name") or "").strip():
            raise UserError(f"{path}: a sample has no name; release the dataset again")
        for one in label["annotations"]:
            if not isinstance(one, dict) or not isinstance(one.get("id"), int):
                raise UserError(f"{path}: an annotation of sample '{sample['name']}' has no whole number as id")
        found.append(sample)
    if not found:
        raise UnannotatedError(f"{path}: no sample has a label in labelset '{labelset}'; label some and release again")
    return found


def _label(sample: Any, labelset: str) -> dict[str, Any] | None:
    """What a set of labels says of a sample; None where it has no label."""
    attributes = as_dict(as_dict(as_dict(as_dict(sample).get("labels")).get(labelset)).get("attributes"))
    return attributes if isinstance(attributes.get("annotations"), list) else None


def _in_pixels(label: Mapping[str, Any]) -> bool:
    """Whether a label is a PNG of ids, and not polygons."""
    return label.get("segmentation_bitmap") is not None or not any("points" in one for one in label["annotations"])


def _names(sample: Mapping[str, Any]) -> list[str]:
    """What a sample's picture may be called: the SDK gives it the sample's name and the address's suffix."""
    name = plain(str(sample.get("name", "")))
    image = as_dict(as_dict(sample.get("attributes")).get("image"))
    address = plain(str(image.get("url", "")))
    stem, suffix = name.removesuffix(PurePosixPath(name).suffix), PurePosixPath(address).suffix
    return list(dict.fromkeys((f"{stem}{suffix}", name, PurePosixPath(address).name)))


def _every_name(file: Path) -> list[str]:
    """What the pictures of another split's file may be called."""
    samples = as_list(as_dict(as_dict(load(file)).get("dataset")).get("samples"))
    return [name for sample in samples if isinstance(sample, dict) for name in _names(sample)]


def _masks(sample: Mapping[str, Any], label: Mapping[str, Any], labelset: str) -> list[str]:
    """What a sample's PNG of ids may be called."""
    name = plain(str(sample["name"]))
    stem = name.removesuffix(PurePosixPath(name).suffix)
    address = plain(str(as_dict(label.get("segmentation_bitmap")).get("url", "")))
    kept = f"{stem}_label_{labelset}"
    return [f"{kept}.png", f"{kept}_instance.png", PurePosixPath(address).name, f"{kept}_semantic.png"]


def draw(record: Record, size: Size, classes: Classes) -> NDArray[np.int16]:
    """Return the classes of a picture's segments, or draw its polygons, later ones on top.

    Raises:
        PictureError: A mask is damaged, of another size, or has an id that the release does not name.
    """
    annotations = json.loads(record.drawing)
    for one in annotations:
        if as_key(one.get("category_id")) not in classes.index:
            raise PictureError(
                f"{record.file}: annotation {one.get('id')} has category_id {one.get('category_id')}, which the "
                "release does not name; release the dataset again",
                "values",
            )
    if record.file.suffix.lower() == ".json":
        return _polygons(record, annotations, size, classes)
    ids = read_ids(record.file, size)
    if not record.file.stem.endswith("_semantic"):
        return draw_segments(record, ids, {str(one["id"]): one["category_id"] for one in annotations}, classes)
    if annotations and not ids.any():
        raise PictureError(
            f"{record.file}: is all 0 though objects are annotated: Segments.ai's semantic export does that once an id "
            "is 256 or more; export the instance masks",
            "values",
        )
    return draw_segments(record, ids, {str(one["category_id"]): one["category_id"] for one in annotations}, classes)


def _polygons(record: Record, annotations: list[dict[str, Any]], size: Size, classes: Classes) -> NDArray[np.int16]:
    drawn = canvas(size, classes)
    for one in annotations:
        if one.get("type") != "polygon":  # what has no area is counted when the split is opened
            continue
        points = one.get("points")
        if not isinstance(points, list) or not all(isinstance(p, list) and len(p) == 2 for p in points):
            raise PictureError(f"{record.file}: polygon {one.get('id')} of '{record.name}' has no points", "form")
        if not all(isinstance(v, int | float) and abs(v) <= FARTHEST for point in points for v in point):
            raise PictureError(f"{record.file}: polygon {one.get('id')} of '{record.name}' has odd coordinates", "form")
        drawn[inside_paths([[(x, y) for x, y in points]], size)] = classes.index[one["category_id"]]
    return drawn


def outlines(record: Record) -> Iterator[Outline]:
    """Yield a record's polygons."""
    for one in json.loads(record.drawing):
        if one.get("type") == "polygon" and (corners := corners_of(one.get("points"))):
            yield Outline(f"annotation {one['id']}", corners)


def recognise(root: Path) -> str | None:
    """Say which of a folder's files speaks for Segments.ai."""
    for found in glimpses(root, depth=1):
        if is_release(found):
            return f"{found.path.relative_to(root)} (a release of Segments.ai)"
    return None


KIND = DatasetKind(
    open=as_files_say(open_segments),
    entry=Entry(
        title="Segments.ai's releases",
        contents="as many as were labelled; the categories of the release; splits as the files are called, or all",
        licence="yours",
        page="",
        tree=("DIR/RELEASE.json", "DIR/segments/OWNER_DATASET/RELEASE/{NAME.jpg,NAME_label_ground-truth.png}"),
        by_hand="download the release's JSON and let the SDK's SegmentsDataset fetch what it names; id 0 counts in "
        "nothing (data.options.unlabelled)",
    ),
    card="Pictures segmented on Segments.ai, of its author's own.",
    options=SegmentsOptions,
    uses=PICTURES,
    undivided=True,
    recognise=recognise,
)
