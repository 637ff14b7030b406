"""Count which classes occur together in a collection of pictures, as a unified model parses them.

Xiao et al., ECCV 2018, section 4.3 ("discovering visual knowledge in natural scenes"): which objects make up a scene,
which parts and materials an object, which material a part, which textures are whose.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from sceneparse.drawing.heatmap import draw_tables
from sceneparse.errors import UserError
from sceneparse.files import make_folder, whole_file, write_json
from sceneparse.parsing.ahead import ahead
from sceneparse.parsing.chosen_tasks import refuse_objects_alone
from sceneparse.parsing.cooccurrence import cooccurrence
from sceneparse.parsing.parse import Parse
from sceneparse.parsing.parser import Parser
from sceneparse.parsing.picture_inputs import Inputs
from sceneparse.parsing.runs.faults import parsing
from sceneparse.parsing.runs.progress import counting_progress
from sceneparse.paths import expanded
from sceneparse.tasks import OTHERS, Task

LEAST = 0.01
"""An object is in a picture if it covers this share of it."""


@dataclass(frozen=True)
class Table:
    """How often the classes of two tasks occur together.

    Args:
        name: What is in it, such as "scene - object".
        unit: Whether pictures or pixels are counted.
        rows: Names of the classes of one task, only those that occur.
        columns: Likewise of the other task.
        counts: (rows, columns) int64.
        totals: (rows,) int64: all pictures, or pixels, of each row's class.
    """

    name: str
    unit: Literal["pictures", "pixels"]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: NDArray[np.int64]
    totals: NDArray[np.int64]

    @property
    def shares(self) -> NDArray[np.float64]:
        """Of the pictures, or pixels, of each row: the share that has the column's class, 0..1."""
        shares: NDArray[np.float64] = self.counts / np.maximum(self.totals, 1)[:, None]
        return shares

    def to_json(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        return {
            "unit": self.unit,
            "rows": list(self.rows),
            "columns": list(self.columns),
            "counts": self.counts.tolist(),
            "totals": self.totals.tolist(),
            "shares": self.shares.round(4).tolist(),
        }


def discover(
    parser: Parser, inputs: Sequence[str | Path], out: str | Path, *, progress: bool = True
) -> tuple[Table, ...]:
    """Parse pictures, and count what occurs together in them.

    Writes OUT/discoveries.json and OUT/discoveries.png. Pictures that cannot be read are named and left out.

    Args:
        parser: A unified model; a table needs both of its tasks.
        inputs: Files, folders and patterns.
        out: The output folder; made if it isn't there.
        progress: Show progress on stderr.

    Raises:
        UserError: A model of objects alone, or no picture that can be read.
    """
    refuse_objects_alone(parser.name, parser.tasks)
    out = expanded(out)
    pictures = Inputs(inputs, out)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    counts, done, failed = _Counts(parser), 0, 0
    with counting_progress(console, "Parsing", pictures, shown=progress) as advance:
        read = ahead(lambda one: (one.path, parser.open(one.path, shown=False)), pictures, threads=1, limit=2)
        for future in read:
            try:
                path, picture = future.result()
                with parsing(path):
                    parse = parser.parse_read(picture)
                counts.add(parse)
                done += 1
            except UserError as error:
                failed += 1
                console.print(f"left out: {error}", markup=False)
            advance()
    left_out = pictures.left_out.kinds
    for one in left_out:
        console.print(str(one), markup=False)
    if not done:
        raise UserError("none of the pictures could be read, so there is nothing to count")
    tables = counts.tables()
    make_folder(out)
    with whole_file(out / "discoveries.png") as temporary:
        titled = [(f"{one.name} (share of the row's {one.unit})", one.rows, one.columns, one.shares) for one in tables]
        draw_tables(titled).save(temporary)
    write_json(
        out / "discoveries.json",
        {
            "model": parser.name,
            "pictures": done,
            "failed": failed,
            **({"left_out": [one.to_json() for one in left_out]} if left_out else {}),
            "tables": {one.name: one.to_json() for one in tables},
        },
    )
    return tables


class _Counts:
    """Counts over pictures, whole label spaces wide."""

    def __init__(self, parser: Parser) -> None:
        assert parser.tasks is not None
        tasks = parser.tasks
        self._names: dict[Task, tuple[str, ...]] = {Task.OBJECT: parser.labels.names}
        self._names |= {task: space.names for task, space in tasks.spaces().items() if task in OTHERS}
        pairs = (
            (Task.SCENE, Task.OBJECT),
            (Task.OBJECT, Task.PART),
            (Task.OBJECT, Task.MATERIAL),
            (Task.PART, Task.MATERIAL),
            (Task.TEXTURE, Task.OBJECT),
        )
        self._pairs = [pair for pair in pairs if all(name in self._names for name in pair)]
        self._counts = {
            pair: np.zeros([len(self._names[name]) for name in pair], dtype=np.int64) for pair in self._pairs
        }
        self._totals = {pair: np.zeros(len(self._names[pair[0]]), dtype=np.int64) for pair in self._pairs}

    def add(self, parse: Parse) -> None:
        maps = {
            Task.OBJECT: parse.labels,
            Task.PART: parse.parts,
            Task.MATERIAL: parse.material,
            Task.TEXTURE: parse.texture,
        }
        for pair in self._pairs:
            if pair[0] is Task.SCENE:
                assert parse.scene is not None
                scene = self._names[Task.SCENE].index(parse.scene[0].name)
                there = {entry.name for entry in parse.legend if entry.share >= LEAST}
                self._counts[pair][scene] += [name in there for name in self._names[Task.OBJECT]]
                self._totals[pair][scene] += 1
                continue
            first, second = (maps[name] for name in pair)
            assert first is not None and second is not None
            shape = (len(self._names[pair[0]]), len(self._names[pair[1]]))
            self._counts[pair] += cooccurrence(first, second, shape).astype(np.int64)
            everywhere = np.zeros_like(first)
            self._totals[pair] += cooccurrence(first, everywhere, (shape[0], 1))[:, 0].astype(np.int64)

    def tables(self) -> tuple[Table, ...]:
        tables = []
        for pair in self._pairs:
            counts, totals = self._counts[pair], self._totals[pair]
            rows, columns = counts.sum(axis=1) > 0, counts.sum(axis=0) > 0
            names = [
                tuple(name for name, there in zip(self._names[task], kept.tolist(), strict=True) if there)
                for task, kept in zip(pair, (rows, columns), strict=True)
            ]
            unit: Literal["pictures", "pixels"] = "pictures" if pair[0] is Task.SCENE else "pixels"
            tables.append(Table(" - ".join(pair), unit, names[0], names[1], counts[rows][:, columns], totals[rows]))
        return tuple(tables)
