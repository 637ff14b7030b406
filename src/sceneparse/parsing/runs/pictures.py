"""Any number of pictures into a folder: read ahead, parsed, written behind, in flat memory; a second run goes on."""

import dataclasses
import time
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sceneparse.arguments import argument, check_flag, check_names, check_probability, check_type, several
from sceneparse.calls import by_name
from sceneparse.errors import UnwritableError, UserError
from sceneparse.inference.worth_compiling import Amount, work_ahead
from sceneparse.parsing.artefacts.choice import check_legend, picture_artefacts, shows_picture
from sceneparse.parsing.artefacts.file_names import files_of, refuse_collisions, stem_of
from sceneparse.parsing.batches import in_batches, read_ahead, threads_beside
from sceneparse.parsing.loading import load
from sceneparse.parsing.opening import PictureRead
from sceneparse.parsing.parse import Parse
from sceneparse.parsing.parser import Parser
from sceneparse.parsing.picture_inputs import Inputs
from sceneparse.parsing.runs.earlier import Earlier, earlier_in_folder, facts_of_file, made_by
from sceneparse.parsing.runs.engine import Run
from sceneparse.parsing.runs.faults import LeftOutError, parsing, writing_parse
from sceneparse.parsing.runs.pipe import Behind
from sceneparse.parsing.runs.progress import counting_progress
from sceneparse.parsing.runs.replacing import Place, place_of_picture, refuse_foreign, replacing
from sceneparse.parsing.runs.tally import Failure, StreamSummary
from sceneparse.paths import expanded, refuse_folded
from sceneparse.pictures.finding import FoundPicture
from sceneparse.pictures.reading import PictureError, picture_size
from sceneparse.recipes.keywords import in_load
from sceneparse.settings.legend import LegendLayout
from sceneparse.weights.swapped import refuse_swapped

_WAITING_PIXELS = 32_000_000
"""Parses that wait to be written hold at most so many pixels (about 10 bytes each), or are only one."""


@by_name("predict", listed="inputs", elsewhere=in_load)
def predict_pictures(
    parser: Parser | str | Path,
    inputs: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    overlay: bool = True,
    again: bool = False,
    progress: bool = True,
    write: Collection[str] | None = None,
    ignore_below: float | None = None,
    without: AbstractSet[Path] = frozenset(),
    legend: LegendLayout = "auto",
) -> StreamSummary:
    """Parse files, folders and patterns into a folder that mirrors their tree.

    Each picture gives OUT/NAME.png (label map), OUT/NAME_overlay.jpg and, last, OUT/NAME.json; at the end comes
    OUT/summary.json. A picture that cannot be read is named on stderr, counted and left out. A picture is skipped if
    all its files are there and come from the same picture (by its size and time of change), model and protocol. One in
    whose outputs' place something lies that no run wrote is left out. A run
    that is stopped leaves whole files only. Memory doesn't grow with the number of pictures.

    Args:
        parser: The model, loaded, or what `load` takes, which loads it.
        inputs: Files, folders and patterns, as `find_pictures` takes them. What a folder or a pattern holds inside
            `out` are outputs and no pictures.
        out: The output folder; made if it isn't there.
        overlay: Whether to draw overlays.
        again: Also parse what is already done.
        progress: Show progress and a closing line on stderr.
        write: Names of the artefacts to write beside the JSON (`sceneparse.parsing.artefacts.table.ARTEFACTS`), in
            place of the default ones.
        ignore_below: Pixels whose class is less probable than this, 0..1, get no class in all that is written, as
            pseudo-labels to train on. Default: all have one.
        without: Files among them that something else parses.
        legend: Where overlays and panels name their classes: auto (beside upright pictures, below any others), below,
            or none.

    Raises:
        UserError: No such probability or legend, no pictures, folders of pictures inside the output folder, pictures of
            which one's file would take the place of another's, artefacts that there are not, or the outputs cannot be
            written.
    """
    start = time.perf_counter()
    check_type("parser", parser, (Parser, str, Path), "a Parser, or a model as sceneparse.load takes it")
    given, inputs = inputs, several("inputs", inputs, "files, folders and patterns")
    check_type("out", out, (str, Path), "a folder")
    for name, flag in (("overlay", overlay), ("again", again), ("progress", progress)):
        check_flag(name, flag)
    check_type("without", without, AbstractSet, "a set of paths")
    if write is not None:
        check_names("write", write, "labels")
    out = expanded(out)
    if ignore_below is not None:
        check_probability("ignore_below", ignore_below)
    if not isinstance(parser, Parser):
        refuse_swapped("predict", parser, given)
        parser = load(parser)
    chosen = picture_artefacts(parser.other_tasks, write, overlay=overlay, model=parser.name)
    check_legend(legend, chosen)
    pictures = Inputs(inputs, out, without)
    refuse_folded((found.name for found in pictures), out)
    refuse_collisions(lambda: ((found.name, str(found.path)) for found in pictures), chosen, _size)
    run = Run(out, progress=progress)
    if ignore_below is not None:
        run.say_confidence(parser)
    facts = made_by(parser, ignore_below=ignore_below, legend=legend)
    reader = _Reader(parser, facts, pictures, out, chosen, again)
    writer = _Writer(run, out, chosen)
    deep = others = False
    writers, passed = threads_beside(parser), 0

    def amount() -> Amount | None:
        return None if pictures.count is None else Amount(passed, pictures.count - passed)

    with (
        work_ahead(parser.engine, amount),
        counting_progress(run.console, "Parsing", pictures, shown=progress) as advance,
        Behind(writers, 2 * writers, _WAITING_PIXELS) as behind,
    ):
        for result, finish in in_batches(parser, read_ahead(parser, reader, pictures, _read_of), _read_of):
            match result:
                case Failure() as failure:
                    run.leave_out(failure)
                case Earlier(pixels):
                    run.tally.skip(pixels)
                case _Read(found, read, facts):
                    run.say_engine(parser)  # of what is done already it may have been another
                    deep, others = deep or read.deep, others or not read.deep
                    run.remark(str(found.path), read.remarks)
                    assert finish is not None
                    try:
                        with parsing(found.path):
                            parse = finish()
                    except LeftOutError as error:
                        run.leave_out(Failure(str(found.path), str(error)))
                    else:
                        run.doubt(str(found.path), parse.doubt)
                        if ignore_below is not None:
                            parse = parse.ignoring_below(ignore_below)
                        if legend != "auto":
                            parse = dataclasses.replace(parse, legend_layout=legend)
                        behind.put(writer, parse, found, facts, weight=parse.labels.size, then=writer.count)
            del finish  # it holds a picture's labels while the next one is begun
            passed += 1
            advance()
    if parser.ranges and others and not deep:
        given = argument("with_ranges", option="--range")
        run.warn(f"{given} changed nothing: no picture that was parsed has more than 8 bits")
    run.leave_out_files(pictures.left_out.kinds)
    summary = run.tally.stream_summary(time.perf_counter() - start)
    if not (summary.done or summary.skipped or summary.failed):
        raise UserError(f"no pictures but those in the output folder {out}")
    run.close(summary)
    return summary


@dataclass(frozen=True)
class _Read:
    """A picture that is to be parsed, and what its JSON shall say about where it comes from."""

    found: FoundPicture
    read: PictureRead
    facts: dict[str, Any]


def _read_of(result: "_Read | Earlier | Failure") -> PictureRead | None:
    return result.read if isinstance(result, _Read) else None


@dataclass(frozen=True)
class _Reader:
    """Reads a picture, unless it is done already; runs in the readers' threads."""

    parser: Parser
    made_by: dict[str, Any]
    pictures: Inputs
    out: Path
    write: tuple[str, ...]
    again: bool

    def __call__(self, found: FoundPicture) -> _Read | Earlier | Failure:
        try:
            outputs = [self.out / name for name in files_of(found.name, self.write)]
            if victim := self.pictures.overwritten_by(outputs):
                raise UserError(f"{found.path}: its parse would overwrite the picture {victim}; choose another folder")
            facts = {"picture": facts_of_file(found.path), **self.made_by}
            if not self.again and (earlier := earlier_in_folder(self.out, stem_of(found.name), facts, self.write)):
                return earlier
            with writing_parse(outputs[0], found.path):
                refuse_foreign(_place(self.out, self.write, found))
            return _Read(found, self.parser.open(found.path, shown=shows_picture(self.write)), facts)
        except UnwritableError:
            raise
        except UserError as error:
            return Failure(str(found.path), str(error))
        except OSError as error:
            return Failure(str(found.path), f"{found.path}: cannot be read ({error.strerror})")


@dataclass(frozen=True)
class _Writer:
    """Writes a parse; runs in the writers' threads."""

    run: Run
    out: Path
    write: tuple[str, ...]

    def __call__(self, parse: Parse, found: FoundPicture, facts: dict[str, Any]) -> dict[str, int] | Failure:
        try:
            with (
                writing_parse(self.out / f"{stem_of(found.name)}.png", found.path),
                replacing(_place(self.out, self.write, found), facts),
            ):
                parse.save(self.out, stem_of(found.name), facts=facts, write=self.write)
        except LeftOutError as error:
            return Failure(str(found.path), str(error))
        return {entry.name: entry.pixels for entry in parse.legend}

    def count(self, written: Future[dict[str, int] | Failure]) -> None:
        """Count a parse that was written, or could not be; runs in the run's own thread."""
        match written.result():
            case Failure() as failure:
                self.run.leave_out(failure)
            case pixels:
                self.run.tally.parsed(pixels)


def _place(out: Path, write: tuple[str, ...], found: FoundPicture) -> Place:
    return place_of_picture(out, stem_of(found.name), write, str(found.path), found.path)


def _size(path: str) -> tuple[int, int] | None:
    try:
        return picture_size(Path(path))
    except PictureError:
        return None  # which is said when it is its turn
