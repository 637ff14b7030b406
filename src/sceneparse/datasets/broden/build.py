"""Build the joint set from the data sets as their owners distribute them.

Pictures are scaled and copied with the annotation as it is; what its ids mean is said by the tables alone, so the
result is read as the published set is. Broden+ splits all of its pictures anew, and so does this.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from sceneparse.data.sample import Sample
from sceneparse.data.shrinking import shrunken_size
from sceneparse.datasets.broden.ade20k_full import ade_pictures
from sceneparse.datasets.broden.choosing import choose, count
from sceneparse.datasets.broden.coding import read_colors
from sceneparse.datasets.broden.records import Record, write_records
from sceneparse.datasets.broden.sources import (
    ADE20K,
    ADE20K_LISTS,
    DTD,
    DTD_LIST,
    MISC,
    OPENSURFACES,
    PASCAL,
    Pictures,
    ade_scene,
    csv_rows,
    dtd_files,
    open_source,
)
from sceneparse.datasets.broden.tables import Assignment, BrodenTables, published_tables, read_tables
from sceneparse.errors import UserError
from sceneparse.files import whole_file, write_text
from sceneparse.labels import TaskLabels
from sceneparse.pictures.decoding import decode
from sceneparse.pictures.reading import read_picture
from sceneparse.processes.machine import usable_cores
from sceneparse.progress import progress_bar
from sceneparse.standard.tables import CATEGORIES, NOTHING, OFFSET
from sceneparse.tasks import Task

Item = TypeVar("Item")
Result = TypeVar("Result")

SHORT = 512
"""Shorter sides are scaled down to this many pixels."""

QUALITY = 92
"""JPEG quality of pictures that are scaled."""

VALIDATION = 0.1
"""Share of each source's pictures that is held out; the published set's is 0.1 too."""


@dataclass(frozen=True)
class Built:
    """The classes and the number of pictures of a joint set that was built.

    Args:
        tasks: The classes that were kept.
        records: Number of pictures by source and split.
    """

    tasks: TaskLabels
    records: dict[tuple[str, str], int]

    def describe(self) -> list[str]:
        """Return the numbers in lines for the terminal."""
        spaces = {task.plural: self.tasks.space(task) for task in CATEGORIES}
        lines = [f"{name}: {number:,} pictures in {split}" for (name, split), number in self.records.items()]
        return [*lines, ", ".join(f"{len(space) if space else 0} {name}" for name, space in spaces.items())]


def build_broden(
    out: Path,
    *,
    ade20k: Path | None = None,
    pascal: Path | None = None,
    opensurfaces: Path | None = None,
    dtd: Path | None = None,
    tables: Path | None = None,
    min_pictures: int = 50,
    min_pixels: int = 50_000,
    part_pictures: int = 20,
    seed: int = 0,
    progress: bool = True,
) -> Built:
    """Build the joint set of the sources that are given.

    Args:
        out: Where it goes; `open_broden` reads it.
        ade20k: ADE20K's full annotation, any release: pictures with NAME_seg.png, NAME_parts_1.png and NAME.json.
        pascal: A folder with VOC2010/JPEGImages, Pascal-Context's context/trainval and Pascal-Part's part/part2ind.m
            and part/Annotations_Part.
        opensurfaces: OpenSurfaces' release: photos.csv, photos and photos-labels. Pictures without any material are
            left out.
        dtd: DTD's release: images and labels/labels_joint_anno.txt.
        tables: A folder of label tables whose assignment says which classes are merged. None: Broden+'s.
        min_pictures: Objects and materials in fewer pictures are dropped (the paper's 50).
        min_pixels: Objects and materials of fewer pixels are dropped (the paper's 50,000).
        part_pictures: Parts of an object in fewer pictures are dropped (the paper's 20).
        seed: Decides which pictures are held out.
        progress: Show progress bars on standard error.

    Raises:
        UserError: No source is given, `out` holds a set already, or a source's files are missing or damaged.
    """
    meta = out / "meta_file"
    if meta.exists():
        raise UserError(f"{meta}: is there already; build into a new folder")
    given = {"ade20k": ade20k, "pascal": pascal, "os": opensurfaces, "dtd": dtd}
    roots = {name: Path(root).expanduser() for name, root in given.items() if root is not None}
    if not roots:
        raise UserError("no data set to build from: give at least one of ade20k, pascal, opensurfaces and dtd")
    base = read_tables(tables) if tables is not None else published_tables()
    if "ade20k" in roots:
        scenes = _copy_ade20k(roots["ade20k"], out, progress)
        base = replace(base, assignments=_with_scenes(base, scenes))
    if "pascal" in roots:
        _copy_pascal(roots["pascal"], out, progress)
    if "os" in roots:
        _copy_opensurfaces(roots["os"], out, progress)
    if "dtd" in roots:
        _copy_dtd(roots["dtd"], out, progress)

    sources = {name: open_source(name, out, base) for name in roots}
    records: list[Record] = []
    counts = count(_samples(sources, records, progress), base.tasks)
    chosen = choose(base, counts, min_pictures=min_pictures, min_pixels=min_pixels, part_pictures=part_pictures)
    numbers = _write_records(meta, records, seed)
    # The label tables come last: a set that lacks them is not whole, and the reader says so.
    chosen.write(meta)
    return Built(chosen.tasks, numbers)


def _samples(sources: dict[str, Pictures], records: list[Record], progress: bool) -> Iterator[Sample]:
    """All pictures of all sources, whose records are added to the list on the way."""
    with progress_bar(progress, sum(map(len, sources.values())), "counting classes") as step:
        for name, pictures in sources.items():
            for index in range(len(pictures)):
                sample = pictures.sample(index, 3)
                has_parts = int(sample.parts is not None) if name in ("ade20k", "pascal") else None
                records.append(Record(name, index, *sample.size, nr_part=has_parts))
                yield sample
                step()


def _write_records(meta: Path, records: Sequence[Record], seed: int) -> dict[tuple[str, str], int]:
    files = {
        ("ade20k", "pascal"): "broden_ade20k_pascal_{}.json",
        ("os",): "broden_os_{}.json",
        ("dtd",): "dtd_{}_list.json",
    }
    numbers: dict[tuple[str, str], int] = {}
    held_out: set[tuple[str, int]] = set()
    for number, name in enumerate(("ade20k", "pascal", "os", "dtd")):
        own = [record.file_index for record in records if record.dataset == name]
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, number])))
        # Of few pictures one is held out, of a single one none.
        wanted = min(max(1, round(len(own) * VALIDATION)), len(own) - 1) if own else 0
        held_out |= {(name, own[index]) for index in rng.permutation(len(own))[:wanted].tolist()}
    for names, file in files.items():
        for split, long in (("train", "training"), ("val", "validation")):
            chosen = [
                record
                for record in records
                if record.dataset in names and ((record.dataset, record.file_index) in held_out) == (split == "val")
            ]
            for record in chosen:
                numbers[record.dataset, split] = numbers.get((record.dataset, split), 0) + 1
            if chosen:
                write_records(meta / file.format(long if names == ("dtd",) else split), chosen)
    return numbers


def _copy_ade20k(root: Path, out: Path, progress: bool) -> list[str]:
    """Returns the scene of each picture."""
    pictures = ade_pictures(root, "all")

    def one(picture: Path) -> str:
        target = out / ADE20K / picture.relative_to(root)
        size = _copy_picture(picture, target)
        for suffix in ("_seg.png", "_parts_1.png"):
            source = picture.with_name(picture.stem + suffix)
            if source.exists():
                _copy_map(source, target.with_name(target.stem + suffix), size)
        return ade_scene(picture) or MISC

    scenes = _each(one, pictures, "ADE20K", progress)
    rows = ["folder,filename", *(f"{p.relative_to(root).parent.as_posix()},{p.name}" for p in pictures)]
    write_text(out / ADE20K_LISTS / "index_ade20k.csv", "\n".join(rows) + "\n")
    lines = [f"{picture.stem} {scene}" for picture, scene in zip(pictures, scenes, strict=True)]
    write_text(out / ADE20K_LISTS / "scene_categories.txt", "\n".join(lines) + "\n")
    return scenes


def _with_scenes(tables: BrodenTables, scenes: Sequence[str]) -> tuple[Assignment, ...]:
    """The assignments with raw scenes numbered as `scene_ranks` numbers these pictures' own."""
    others = [row for row in tables.assignments if (row.dataset, row.category) != ("ade20k", Task.SCENE)]
    known = tables.by_name("ade20k", Task.SCENE)
    names = tables.tasks.scenes.names if tables.tasks.scenes else ()
    rows = []
    for rank, scene in enumerate(sorted(set(scenes) - {MISC, "-"}), 1):
        label = known.get(f"{scene}-s", OFFSET[Task.SCENE] - 1)
        rows.append(
            Assignment("ade20k", Task.SCENE, rank, f"{scene}-s", label, names[label] if label >= 0 else NOTHING)
        )
    return (*others, *rows)


def _copy_pascal(root: Path, out: Path, progress: bool) -> None:
    annotations = root / "part" / "Annotations_Part"
    names = sorted(path.stem for path in annotations.glob("*.mat"))
    if not names:
        raise UserError(f"{annotations}: no .mat files; Pascal-Part's annotations belong there")
    files = [Path("VOC2010/JPEGImages/{}.jpg"), Path("context/trainval/{}.mat"), Path("part/Annotations_Part/{}.mat")]

    def one(name: str) -> None:
        for file in files:
            _copy_file(root / str(file).format(name), out / PASCAL / str(file).format(name))

    _each(one, names, "Pascal", progress)
    _copy_file(root / "part" / "part2ind.m", out / PASCAL / "part" / "part2ind.m")


def _copy_opensurfaces(root: Path, out: Path, progress: bool) -> None:
    target = out / OPENSURFACES

    def one(photo: str) -> bool:
        labels = root / "photos-labels" / f"{photo}.png"
        if not read_colors(labels)[..., 0].any():
            return False
        size = _copy_picture(root / "photos" / f"{photo}.jpg", target / "photos" / f"{photo}.jpg")
        _copy_map(labels, target / "photos-labels" / f"{photo}.png", size)
        return True

    photos = [row["photo_id"] for row in csv_rows(root / "photos.csv", ("photo_id",))]
    labelled = _each(one, photos, "OpenSurfaces", progress)
    rows = ["photo_id", *(photo for photo, kept in zip(photos, labelled, strict=True) if kept)]
    write_text(target / "photos.csv", "\n".join(rows) + "\n")


def _copy_dtd(root: Path, out: Path, progress: bool) -> None:
    listing = root / "labels" / "labels_joint_anno.txt"
    _each(lambda file: _copy_file(root / "images" / file, out / DTD / file), dtd_files(listing), "DTD", progress)
    _copy_file(listing, out / DTD_LIST)


def _copy_picture(source: Path, target: Path) -> tuple[int, int]:
    """Copy a picture, scaled if it is large; returns its new height and width."""
    height, width = decode(source, pixels=False).size
    size = shrunken_size(height, width, SHORT)
    if size == (height, width):
        _copy_file(source, target)
        return size
    image = Image.fromarray(read_picture(source).permute(1, 2, 0).numpy())
    with whole_file(target) as temporary:
        image.resize((size[1], size[0]), Image.Resampling.BILINEAR).save(temporary, format="JPEG", quality=QUALITY)
    return size


def _copy_map(source: Path, target: Path, size: tuple[int, int]) -> None:
    """Copy a map of ids, scaled without interpolation."""
    colors = read_colors(source)
    if colors.shape[:2] == size:
        _copy_file(source, target)
        return
    with whole_file(target) as temporary:
        image = Image.fromarray(colors)
        image.resize((size[1], size[0]), Image.Resampling.NEAREST).save(temporary, format="PNG")


def _copy_file(source: Path, target: Path) -> None:
    try:
        with whole_file(target) as temporary:
            shutil.copyfile(source, temporary)
    except FileNotFoundError:
        raise UserError(f"{source}: no such file") from None


def _each(work: Callable[[Item], Result], items: Sequence[Item], title: str, progress: bool) -> list[Result]:
    with progress_bar(progress, len(items), f"copying {title}") as step:

        def one(item: Item) -> Result:
            result = work(item)
            step()
            return result

        with ThreadPoolExecutor(usable_cores()) as pool:
            return list(pool.map(one, items))
