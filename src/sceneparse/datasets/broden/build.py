"""Build the joint set from the data sets as their owners distribute them.

Pictures are scaled and copied with the annotation as it is; what its ids mean is said by the tables alone, so the
result is read as the published set is. Broden+ splits all of its pictures anew, and so does this.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sceneparse.data.sample import Sample
from sceneparse.datasets.broden.choosing import choose, count
from sceneparse.datasets.broden.copying import SOURCES
from sceneparse.datasets.broden.records import Record, write_records
from sceneparse.datasets.broden.sources import ADE20K_LISTS, MISC, Pictures, open_source, text_lines
from sceneparse.datasets.broden.tables import Assignment, BrodenTables, has_tables, published_tables, read_tables
from sceneparse.errors import UserError
from sceneparse.labels import TaskLabels
from sceneparse.paths import expanded
from sceneparse.progress import progress_bar
from sceneparse.standard.tables import CATEGORIES, NOTHING, OFFSET
from sceneparse.tasks import Task

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

    A build that was broken off goes on where it stopped: files that were copied are kept, as long as their sources
    have not changed.

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
        UserError: No source is given, `out` holds a set already, or a source's files are missing or damaged, or a map
            has another shape than its picture.
    """
    meta = out / "meta_file"
    if has_tables(meta):
        raise UserError(f"{meta}: is there already; build into a new folder")
    given = {"ade20k": ade20k, "pascal": pascal, "os": opensurfaces, "dtd": dtd}
    roots = {name: expanded(root) for name, root in given.items() if root is not None}
    if not roots:
        raise UserError("no data set to build from: give at least one of ade20k, pascal, opensurfaces and dtd")
    base = read_tables(tables) if tables is not None else published_tables()
    # All are listed before anything is copied, which takes hours.
    copies = [SOURCES[name](root, out) for name, root in roots.items()]
    for copy in copies:
        copy(progress)
    if "ade20k" in roots:
        scenes = [line.split()[1] for line in text_lines(out / ADE20K_LISTS / "scene_categories.txt")]
        base = replace(base, assignments=_with_scenes(base, scenes))

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
            path = meta / file.format(long if names == ("dtd",) else split)
            if chosen:
                write_records(path, chosen)
            else:
                path.unlink(missing_ok=True)  # of a build of other sources that was broken off
    return numbers


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
