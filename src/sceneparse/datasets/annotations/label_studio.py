"""Label Studio's JSON exports: strokes, masks, polygons, rectangles and ellipses; its PNG export beside one."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.arguments import argument
from sceneparse.datasets.annotations.classes import Classes, Named, classes_of
from sceneparse.datasets.annotations.drawn import DrawnPictures, Record, Size, canvas
from sceneparse.datasets.annotations.jsonfiles import Glimpse, folders_below, glimpse, glimpses, json_files, load
from sceneparse.datasets.annotations.label_studio_pictures import (
    PicturesError,
    by_picture,
    configuration_in,
    pictures_of,
)
from sceneparse.datasets.annotations.label_studio_regions import (
    Region,
    RegionError,
    percent_corners,
    region_mask,
    regions_of,
)
from sceneparse.datasets.annotations.locating import confirm, pictures_below, plain, refuse_missing, sample_names
from sceneparse.datasets.annotations.options import ExportOptions
from sceneparse.datasets.annotations.outlines import Outline, corners_of
from sceneparse.datasets.annotations.splits import ALL, chosen, is_role
from sceneparse.datasets.exported import exported, undrawn, written_here
from sceneparse.datasets.folder import in_order, subfolders, wrong_layout
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, as_files_say, root_of
from sceneparse.errors import UnannotatedError, UserError, counted
from sceneparse.pictures.problems import PictureError
from sceneparse.settings import DataSettings
from sceneparse.settings.kinds import PICTURES

LAYOUT = (
    "Label Studio's JSON export (JSON or JSON-MIN) as one file in ROOT, as ROOT/{train,val,test}.json or as one file "
    "in each of ROOT/{train,val,test}, with the pictures anywhere below ROOT; of its PNG export the files "
    "task-N-annotation-….png beside that JSON"
)

STROKE = re.compile(r"task-(\d+)-annotation-(\d+)-by-[^-]*-(.+)-(\d+)\.png")
"""A file of the PNG export: task, annotation, who, control tag and label, number."""


@dataclass(frozen=True)
class LabelStudioOptions(ExportOptions):
    """How an export of Label Studio is read.

    Args:
        unlabelled: What pixels are that nobody drew: background (a class, which learns), ignore (they count in
            nothing), or auto: background.
        images: The folder of the pictures, where they do not lie in the export.
        tag: The name of the labelling tag, with which the files of a PNG export begin before the label's name.
    """

    tag: str = "tag"


@dataclass(frozen=True)
class Task:
    """A picture of a task that somebody annotated.

    Args:
        number: The task's number.
        image: The picture's address.
        regions: What was drawn on it, first to last.
    """

    number: str
    image: str
    regions: tuple[Region, ...]


def open_label_studio(settings: DataSettings, split: str, channels: int = 3) -> DrawnPictures:
    """Open a split of a Label Studio export. Tasks that nobody annotated or that were skipped are left out.

    Args:
        settings: `root` holds the JSON file and, as a rule, the pictures.
        split: As the JSON file is called; "all" where there is one file alone.
        channels: Channels of the pictures.

    Raises:
        UserError: No JSON file of Label Studio's, no such split, a damaged file, or pictures that are not there.
    """
    root = root_of(settings)
    options: LabelStudioOptions = KIND.read_options(settings.options, "data.options", "kind label_studio")
    files = _files(root)
    strokes = _strokes(root, options.tag)
    every = {path: _tasks(path, strokes) for path in files.values()}
    path = chosen(files, split, root, lambda file: len(every[file][0]))
    labels = _labels(root, {region.label for tasks, _ in every.values() for task in tasks for region in task.regions})
    unlabelled, ours = undrawn(root, options.unlabelled), written_here(root, options.unlabelled)
    named = [Named(label, label) for label in labels]
    classes = classes_of(named, unlabelled, "background", str(path), written_here=ours)
    tasks, notes = every[path]
    if not tasks:
        guessed = (
            "; a model's predictions alone are not learnt from" if any("predictions" in note for note in notes) else ""
        )
        raise UnannotatedError(
            f"{path}: no task is annotated{guessed}; submit annotations in Label Studio and export again"
        )
    pictures = pictures_below(root, options.images)
    name = next(known for known, file in files.items() if file == path)
    found = [pictures.find(_names(task.image), path.parent, name) for task in tasks]
    missing = [plain(task.image) for task, file in zip(tasks, found, strict=True) if file is None]
    refuse_missing(path, missing, len(tasks), pictures)
    wanted = [(path.parent, plain(task.image)) for task in tasks]
    others = {known: [one for task in every[file][0] for one in _names(task.image)] for known, file in files.items()}
    moved = confirm(path, wanted, found, pictures, name, others, iter)
    records = []
    for name, task, image in zip(_sample_names(tasks), tasks, found, strict=True):
        assert image is not None  # the missing ones are refused
        size = next((region.size for region in task.regions if region.size != (0, 0)), None)
        drawing = json.dumps([region._asdict() for region in task.regions]).encode()
        records.append(Record(name, image, path, drawing, size))
    return DrawnPictures(records, classes, draw, channels, notes=[*notes, *moved], outlines=outlines)


def is_label_studio(found: Glimpse) -> bool:
    """Whether a JSON file is Label Studio's, of the full form or of the short one."""
    if not found.listed:
        return False
    full = "data" in found.keys and bool(found.keys & {"annotations", "completions", "predictions"})
    return full or {"id", "annotator", "annotation_id"} <= found.keys


def _labels(root: Path, drawn: set[str]) -> list[str]:
    """The classes in order: by name, but of what `data export` wrote all classes as they were."""
    ours = exported(root)
    return list(ours.classes) if ours is not None and drawn <= set(ours.classes) else sorted(drawn)


def _files(root: Path) -> dict[str, Path]:
    """The JSON files by their splits: as they are called, or as the folders are in which each lies alone."""

    def of(folder: Path) -> list[Path]:
        return [path for path in json_files(folder) if (found := glimpse(path)) is not None and is_label_studio(found)]

    inside = {name: of(root / name) for name in subfolders(root) if is_role(name)}  # refuses what is no folder
    seen = of(root)
    if not seen and any(inside.values()):
        for name, paths in inside.items():
            if len(paths) > 1:
                raise UserError(
                    f"{root / name}: {paths[0].name} and {paths[1].name} are both Label Studio's; leave one for a split"
                )
        return in_order({name: paths[0] for name, paths in inside.items() if paths})
    if not seen:
        raise wrong_layout(root, LAYOUT)
    if len(seen) == 1 and not is_role(seen[0].stem):
        return {ALL: seen[0]}
    return {path.stem: path for path in seen}


def _strokes(root: Path, tag: str) -> dict[str, list[tuple[str, Path]]]:
    """The files of a PNG export by their task's number, each with its label.

    Raises:
        UserError: A file's name doesn't begin with the labelling tag's.
    """
    found: dict[str, list[tuple[str, Path]]] = {}
    for path in sorted(path for folder in folders_below(root) for path in folder.glob("task-*-annotation-*.png")):
        if (parts := STROKE.fullmatch(path.name)) is None:
            continue
        if not parts[3].startswith(f"{tag}-"):
            raise UserError(
                f"{path}: its name does not have the labelling tag '{tag}' before the label; name the tag: "
                f"{argument('data.options.tag', 'TAG')}"
            )
        found.setdefault(parts[1], []).append((parts[3].removeprefix(f"{tag}-"), path))
    return found


def _tasks(path: Path, strokes: dict[str, list[tuple[str, Path]]]) -> tuple[list[Task], list[str]]:
    """The annotated tasks of a file, and notes on what was left out.

    Raises:
        UserError: The file is damaged, or a region has several labels.
    """
    whole = load(path)
    if not isinstance(whole, list):
        raise UserError(f"{path}: is no list of tasks, which Label Studio writes")
    configuration = configuration_in(path.parent)
    often: Counter[str] = Counter()
    found: list[tuple[str, dict[str, list[str]], dict[tuple[str, int], list[Region]]]] = []
    for row in whole:
        if not isinstance(row, dict) or "id" not in row:
            raise UserError(f"{path}: a task has no id; export it again")
        number = str(row["id"])
        chosen_annotations, others = _annotation(row)
        often["several"] += bool(others)
        if chosen_annotations is None and number not in strokes:
            often["said" if row.get("predictions") else "none"] += 1
            continue
        pictures = pictures_of(row["data"] if isinstance(row.get("data"), dict) else row)
        try:
            drawn = {}
            for picture, results in by_picture(pictures, chosen_annotations or [], configuration).items():
                drawn[picture], left = regions_of(results)
                often["left"] += left
            _add_strokes(drawn, pictures, strokes.get(number, []))
        except RegionError as error:
            raise UserError(f"{path}: task {number}: {error}") from None
        except PicturesError as error:
            raise UserError(f"{path}: task {number} {error}") from None
        found.append((number, pictures, drawn))
    tasks = _by_picture(found)
    texts = {
        "none": "without annotation (or skipped) left out",
        "said": "with a model's predictions that nobody made annotations left out",
        "several": "annotated several times; the ground truth is taken, or else the last one",
    }
    notes = [f"{path}: {counted(often[what], 'task')} {text}" for what, text in texts.items() if often[what]]
    if often["left"]:
        notes.append(f"{path}: {counted(often['left'], 'region')} without a label or of a form without area left out")
    return tasks, notes


def _add_strokes(
    drawn: dict[tuple[str, int], list[Region]], pictures: dict[str, list[str]], strokes: list[tuple[str, Path]]
) -> None:
    """Add the files of a PNG export, where the JSON has no strokes itself."""
    if not strokes or any(region.stroked for regions in drawn.values() for region in regions):
        return
    if len(pictures) > 1 or len(next(iter(pictures.values()))) > 1:
        raise PicturesError("has several pictures, of which a PNG export does not say which is meant; export JSON")
    regions = drawn.setdefault((next(iter(pictures)), 0), [])
    regions += [Region(label, (0, 0), {"png": str(png)}) for label, png in strokes]


def _by_picture(
    found: list[tuple[str, dict[str, list[str]], dict[tuple[str, int], list[Region]]]],
) -> list[Task]:
    """A task's pictures one by one: all of a list, but only of those keys on which anything is drawn anywhere."""
    used = {key for _, _, drawn in found for key, _ in drawn}
    tasks = []
    for number, pictures, drawn in found:
        own = [key for key in pictures if key in used] or sorted(pictures, key=lambda key: key != "image")[:1]
        for key in own:
            for place, address in enumerate(pictures[key]):
                tasks.append(Task(number, address, tuple(drawn.get((key, place), ()))))
    return tasks


def _annotation(row: dict[str, Any]) -> tuple[list[Any] | None, bool]:
    """A task's results and whether there were others; None where nobody annotated it."""
    given = row.get("annotations", row.get("completions"))
    if not isinstance(given, list):  # the short form, with a list a labelling tag
        lists = [(tag, value) for tag, value in row.items() if isinstance(value, list)]
        results = [
            {"value": item, "from_name": tag, **item}
            for tag, value in lists
            for item in value
            if isinstance(item, dict)
        ]
        return (results if "annotation_id" in row else None), False
    done = [one for one in given if isinstance(one, dict) and not (one.get("was_cancelled") or one.get("skipped"))]
    if not done:
        return None, False
    # As Label Studio's own converter has it: the latest first.
    latest = sorted(done, key=lambda one: str(one.get("created_at", "")), reverse=True)
    best = next((one for one in latest if one.get("ground_truth")), latest[0])
    drawn = best.get("result")
    return (drawn if isinstance(drawn, list) else []), len(done) > 1


def _names(address: str) -> list[str]:
    """What a task's picture may be called: an upload has its number and eight signs before its own name."""
    name = plain(address)
    bare = Path(name).name
    return list(dict.fromkeys((name, name.removeprefix("data/upload/"), bare, re.sub(r"^[0-9a-f]{8}-", "", bare))))


def _sample_names(tasks: Sequence[Task]) -> list[str]:
    # An upload's address has the project's number and eight signs before the picture's own name.
    uploaded = r"^data/upload/(\d+/)?([0-9a-f]{8}-)?"
    names = sample_names([re.sub(uploaded, "", plain(task.image)) for task in tasks])
    often = Counter(names)
    return [name if often[name] == 1 else f"{name}-task-{task.number}" for name, task in zip(names, tasks, strict=True)]


def draw(record: Record, size: Size, classes: Classes) -> NDArray[np.int16]:
    """Draw a picture's regions, later ones on top.

    Raises:
        PictureError: A region is damaged or of another size.
    """
    drawn = canvas(size, classes)
    for number, row in enumerate(json.loads(record.drawing)):
        region = Region(row["label"], tuple(row["size"]), row["value"])
        try:
            mask = region_mask(region, size)
        except RegionError as error:
            message = f"{record.file}: picture '{record.name}', region {number} ('{region.label}'): {error}"
            raise PictureError(f"{message}; mend it in Label Studio and export again", "form") from None
        drawn[mask] = classes.index[region.label]
    return drawn


def outlines(record: Record) -> Iterator[Outline]:
    """Yield the corners of a record's polygons and rectangles, in percent."""
    for number, row in enumerate(json.loads(record.drawing)):
        corners = corners_of(percent_corners(row["value"]))
        if corners:
            yield Outline(f"region {number} ('{row['label']}')", corners, percent=True)


def recognise(root: Path) -> str | None:
    """Say which of a folder's files, or of its splits' folders, speaks for Label Studio."""
    for found in glimpses(root, depth=1):
        beside = found.path.parent == root
        if (beside or is_role(found.path.parent.name)) and is_label_studio(found):
            return f"{found.path.relative_to(root)} (Label Studio's JSON)"
    return None


KIND = DatasetKind(
    open=as_files_say(open_label_studio),
    entry=Entry(
        title="Label Studio's JSON export",
        contents="as many as were annotated; the labels that were drawn; splits as the files are called, or all",
        licence="yours",
        page="",
        tree=(
            "DIR/project-1-….json and pictures below DIR  (one file: split all)",
            "DIR/{train,val,test}.json, or one file in each of DIR/{train,val,test}",
            "DIR/task-1-annotation-2-by-3-tag-road-0.png  (of the PNG export, with the JSON-MIN beside it)",
        ),
        by_hand="export JSON; undrawn pixels are the background (data.options.unlabelled)",
    ),
    card="Pictures annotated with Label Studio, of its author's own.",
    options=LabelStudioOptions,
    uses=PICTURES,
    undivided=True,
    recognise=recognise,
)
