"""The parse of one raster: labels on its own grid, polygons, and how much there is of each class."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.arguments import argument
from sceneparse.drawing.legend import LegendEntry
from sceneparse.errors import UserError
from sceneparse.files import write_json
from sceneparse.inference.finite import finite
from sceneparse.inference.later import Later, done
from sceneparse.labels import LabelSpace
from sceneparse.parsing.artefacts.file_names import RECORDS
from sceneparse.parsing.artefacts.table import ARTEFACTS
from sceneparse.parsing.parser import Parser
from sceneparse.parsing.remarks import order_text, unlit_raster
from sceneparse.parsing.runs.earlier import facts_of_file, is_whole
from sceneparse.parsing.runs.pipe import Behind
from sceneparse.parsing.runs.raster.labelling import Labels, Scene, Seen, columns_of_scores, labelled
from sceneparse.parsing.runs.raster.polygons import WRITERS, coordinates_line
from sceneparse.parsing.runs.raster.protocol import protocol_for, streams
from sceneparse.parsing.runs.raster.sources import RasterSource
from sceneparse.parsing.runs.raster.strips import chunk_rows
from sceneparse.parsing.runs.raster.writing import LabelCode, LabelWriter, label_raster
from sceneparse.parsing.runs.replacing import Place, replacing
from sceneparse.pictures.rasters import BandForm, Raster
from sceneparse.pictures.rasters.bands import Range
from sceneparse.pictures.rasters.raster import environment
from sceneparse.pictures.spans import DEEP
from sceneparse.progress import progress_bar

_CHUNK_BYTES = 192 << 20
"""What a chunk of rows may take before it is bytes: a wider raster is parsed in several columns from top to bottom."""
_SCORE_BYTES = 1 << 30
"""What the scores of rows of windows may take: so is a raster where there are many classes."""


@dataclass
class Counts:
    """What the labels add up to.

    Args:
        pixels: Of each class; last those without one.
        sure: The sum of their confidence.
    """

    pixels: NDArray[np.int64]
    sure: NDArray[np.float64]

    def add(self, labels: Labels) -> None:
        """Count some rows."""
        count = len(self.pixels)
        numbers = labels.labels.ravel() % count  # IGNORE comes last
        self.pixels += np.bincount(numbers, minlength=count)
        self.sure += np.bincount(numbers, labels.confidence.ravel(), count)


@dataclass
class RasterJob:
    """The parse of one raster.

    Args:
        parser: The model.
        source: Where the raster is, and the name of its outputs.
        form: Its bands and ranges.
        out: The output folder.
        write: Names of the artefacts to write.
        progress: Whether to show progress.
        inputs: All rasters that are parsed in this run.
    """

    parser: Parser
    source: RasterSource
    form: BandForm
    out: Path
    write: tuple[str, ...]
    progress: bool
    inputs: tuple[Path, ...] = ()
    _scene: Scene = field(init=False)
    _bands: tuple[int, ...] = field(init=False)
    _ranges: tuple[Range, ...] = field(init=False)
    _colored: bool = field(init=False)

    def __post_init__(self) -> None:
        channels = self.parser.config.backbone.in_channels
        with environment(), Raster(self.source.path, channels, self.form) as raster:
            size = (raster.height, raster.width)
            protocol = protocol_for(self.parser.protocol, size, self.source.shown)
            self._bands, self._ranges, self._colored = raster.form.bands, raster.form.ranges, raster.colored
            # Opened again with the form as it was given: a band that was named is no palette, and no grey three times.
            self._scene = Scene(self.source.path, channels, self.form, size, protocol)

    @property
    def _files(self) -> dict[str, Path]:
        return {name: self.out / f"{self.source.name}{ARTEFACTS[name].raster}" for name in self.write}

    @property
    def _record(self) -> Path:
        return self.out / f"{self.source.name}{RECORDS['rasters']}"

    def facts(self) -> dict[str, Any]:
        """Return what its outputs depend on."""
        return {
            "raster": facts_of_file(self.source.path),
            "bands": list(self._bands),
            "ranges": [list(one) for one in self._ranges],
            **({"palette": True} if self._colored else {}),
            "model_sha256": self.parser.fingerprint,
            "protocol": self._scene.protocol.described(),
        }

    @property
    def _place(self) -> Place:
        shown, files = self.source.shown, tuple(self._files.values())
        return Place("raster", shown, self.out, self._record, files, self.inputs, self.source.path)

    def is_done(self) -> bool:
        """Return whether an earlier run left it whole."""
        return is_whole(self._record, self.facts(), self._files)

    def run(self) -> list[str]:
        """Parse it and write everything; return what is to be said of it."""
        with replacing(self._place, self.facts()):
            return self._run()

    def _run(self) -> list[str]:
        start, space, files = time.perf_counter(), self.parser.labels, self._files
        seen = Seen()
        counts = Counts(np.zeros(len(space) + 1, np.int64), np.zeros(len(space) + 1))
        with environment(), Raster(self.source.path, self._scene.channels, self._scene.form) as raster:
            code = LabelCode(space, raster.dataset.nodatavals[self._bands[0] - 1])
            with label_raster(files["labels"], raster, space, code) as writer:
                self._write_labels(raster, code, writer, counts, seen)
            record = self._described(raster, counts, code, seen)
            said = coordinates_line(raster.dataset) if WRITERS.keys() & set(self.write) else None
        doubt = _doubt(raster, seen)
        for name in self.write:
            if name in WRITERS:
                WRITERS[name](files[name], files["labels"], space)
        record |= {} if doubt is None else {"doubt": doubt}
        record |= {"took_seconds": round(time.perf_counter() - start, 2), **self.facts()}
        write_json(self._record, record)
        lines = [_line(self.source, record), *_order_line(self.source, raster)]
        if said is not None:
            lines.append(f"{self.source.path}: {said}")
        lines += [] if doubt is None else [f"warning: {self.source.path}: {doubt}"]
        return [*lines, *self._protocol_line()]

    def _write_labels(self, raster: Raster, code: LabelCode, writer: LabelWriter, counts: Counts, seen: Seen) -> None:
        """Label the raster and write the labels behind it, whole blocks at a time."""
        columns, step = list(self._columns(raster)), chunk_rows(raster.block[0])
        engine = finite(self.parser.engine, self.parser.name)
        verdict: Later[None] = done(None)
        with (
            progress_bar(self.progress, len(columns) * -(-raster.height // step), self.source.name) as advance,
            Behind(1, 2) as behind,
        ):
            for first, end in columns:
                rows = RowBuffer(step, end - first, code.dtype)
                for some in labelled(engine, self._scene, (first, end), seen):
                    verdict()  # of what was scored before the rows before these, so that a GPU isn't waited for
                    verdict = engine.verdict()
                    counts.add(some)
                    for top, values in rows.put(code.encode(some.labels)):
                        behind.put(writer.write, values, top, first)
                        advance()
                for top, values in rows.rest():
                    behind.put(writer.write, values, top, first)
            verdict()
            engine.verdict()()

    def _columns(self, raster: Raster) -> Iterator[tuple[int, int]]:
        """The columns that are parsed together: all, unless their chunks or scores would take too much memory."""
        row = sum(np.dtype(raster.dataset.dtypes[band - 1]).itemsize for band in self._bands)
        block = raster.block[1]
        most = _CHUNK_BYTES // (row * chunk_rows(raster.block[0])) // block * block
        if not raster.tiled or most < 2 * block or not streams(self._scene.protocol):
            yield (0, raster.width)
            return
        scored = columns_of_scores(self.parser.engine, self._scene, _SCORE_BYTES)
        if scored < raster.width:
            most = min(most, max(2, scored // block) * block)
        for first in range(0, raster.width, most):
            yield (first, min(first + most, raster.width))

    def _described(self, raster: Raster, counts: Counts, code: LabelCode, seen: Seen) -> dict[str, Any]:
        """The content of the JSON, as far as the labels go."""
        dataset = raster.dataset
        points, projection = dataset.gcps
        crs = projection if points else dataset.crs
        area = _pixel_area(dataset, points)
        return {
            "width": raster.width,
            "height": raster.height,
            "projection": None if crs is None else crs.to_string(),
            "transform": None if points or dataset.transform.is_identity else list(dataset.transform)[:6],
            "nodata": code.nodata,
            "nodata_pixels": int(counts.pixels[-1]),
            "classes": [
                {
                    **entry.to_json(),
                    "pixels": entry.pixels,
                    "square_metres": None if area is None else round(entry.pixels * area, 3),
                }
                for entry in _entries(self.parser.labels, counts)
            ],
            "model": self.parser.name,
            "files": {name: path.name for name, path in self._files.items()},
            **({"largest_value": seen.largest} if raster.full_scale else {}),
        }

    def _protocol_line(self) -> list[str]:
        """What is said where the raster is too large for the model's own protocol."""
        if self._scene.protocol == self.parser.protocol.at_own_size():
            return []
        return [
            f"{self.source.path}: too large to be tested whole, as the protocol has it; tested by "
            f"{self._scene.protocol.describe()} ({argument('protocol.window', option='--window H W')} chooses others)"
        ]


class RowBuffer:
    """Gathers rows until there are enough to be written together.

    Args:
        rows: So many.
        width: Their length.
        dtype: Their type.
    """

    def __init__(self, rows: int, width: int, dtype: Any) -> None:
        self._rows, self._width, self._dtype = rows, width, dtype
        self._top, self._filled = 0, 0
        self._values = np.empty((rows, width), dtype)

    def put(self, values: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
        """Add rows; yield those that are complete, each with its first row."""
        while len(values):
            count = min(len(values), self._rows - self._filled)
            self._values[self._filled : self._filled + count] = values[:count]
            self._filled += count
            values = values[count:]
            if self._filled == self._rows:
                yield from self.rest()

    def rest(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield what is left."""
        if self._filled:
            yield self._top, self._values[: self._filled]
            self._top += self._filled
            self._values, self._filled = np.empty((self._rows, self._width), self._dtype), 0


def _entries(space: LabelSpace, counts: Counts) -> tuple[LegendEntry, ...]:
    """The classes that occur, the largest share of the pixels with data first."""
    pixels = counts.pixels[:-1]
    total = int(pixels.sum())
    return tuple(
        LegendEntry(
            name=space.names[index],
            id=space.ids[index],
            color=space.colors[index],
            share=int(pixels[index]) / total,
            confidence=float(counts.sure[index] / pixels[index]),
            pixels=int(pixels[index]),
        )
        for index in np.argsort(-pixels, kind="stable").tolist()
        if pixels[index]
    )


def _pixel_area(dataset: Any, points: Any) -> float | None:
    """Return a pixel's area in square metres; None where the projection's unit is no length, or none is known."""
    crs = dataset.crs
    if points or crs is None or not crs.is_projected:
        return None
    _, metres = crs.linear_units_factor
    transform = dataset.transform
    return abs(transform.a * transform.e - transform.b * transform.d) * float(metres) ** 2


def _line(source: RasterSource, record: dict[str, Any]) -> str:
    """What a reader wants to know at once."""
    classes = [f"{one['name']} {one['share']:.1%}" for one in record["classes"]]
    much = f"{', '.join(classes[:4])}{', …' if len(classes) > 4 else ''}" if classes else "no data in it"
    return f"{source.path}: {record['width']:,}×{record['height']:,} pixels in {record['took_seconds']:.1f} s; {much}"


def _order_line(source: RasterSource, raster: Raster) -> list[str]:
    """What is said where the file's own order of its bands is not that of the channels."""
    if not raster.reordered:
        return []
    own = argument("bands", sorted(raster.reordered))
    return [f"{source.path}: {order_text(raster.reordered)} ({own} takes them as they are stored)"]


def _doubt(raster: Raster, seen: Seen) -> str | None:
    """Why the model saw hardly anything of it; None where it did."""
    if raster.full_scale and 0 < seen.largest <= DEEP * raster.full_scale:
        given = argument("ranges", [(0, seen.largest)], option=f"--range 0 {seen.largest}")
        dark = "white" if raster.inverted else "black"
        return (
            f"values up to {seen.largest:,} of {raster.full_scale:,}, so the model saw it nearly {dark}; give the "
            f"values that become black and white, such as {given}, and {_again()}"
        )
    given = argument("ranges", option="--range LOW HIGH")
    found = unlit_raster(seen.extremes, raster.form.ranges, given, inverted=raster.inverted)
    return f"{found}, and {_again()}" if found else None


def _again() -> str:
    """The argument that has it done once more."""
    return argument("again", True, option="--again")


def refuse_without_labels(write: tuple[str, ...]) -> None:
    """Refuse a choice of artefacts without the raster of labels, which polygons are made of.

    Raises:
        UserError: It is not among them.
    """
    if "labels" not in write:
        raise UserError(f"{argument('write')}: polygons are made of the raster of labels: add labels")
