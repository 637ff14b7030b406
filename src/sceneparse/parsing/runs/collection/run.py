"""Whole collections: found, parsed by workers on Ray Data, and listed in a manifest."""

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import starmap
from pathlib import Path
from typing import Any, Literal

from sceneparse.arguments import check_probability
from sceneparse.errors import UserError, counted
from sceneparse.files import json_of, json_text
from sceneparse.parsing.artefacts.choice import check_legend, picture_artefacts
from sceneparse.parsing.artefacts.file_names import refuse_collisions
from sceneparse.parsing.loading import Loading
from sceneparse.parsing.parser import Parser
from sceneparse.parsing.remarks import Remark
from sceneparse.parsing.runs.collection.addresses import is_url
from sceneparse.parsing.runs.collection.cluster import Parsed, cluster, parse_chunks, shares
from sceneparse.parsing.runs.collection.deduplicate import deduplicate, rows_there
from sceneparse.parsing.runs.collection.items import Item
from sceneparse.parsing.runs.collection.listing import list_items
from sceneparse.parsing.runs.collection.locations import Location
from sceneparse.parsing.runs.collection.stores import as_utf8
from sceneparse.parsing.runs.collection.worker import Plan
from sceneparse.parsing.runs.engine import Run
from sceneparse.parsing.runs.faults import writing
from sceneparse.parsing.runs.progress import counting_progress
from sceneparse.parsing.runs.summaries import SUMMARIES
from sceneparse.parsing.runs.tally import Failure, StreamSummary
from sceneparse.paths import expanded, refuse_folded
from sceneparse.pictures.forms import LeftOut
from sceneparse.settings.legend import LegendLayout
from sceneparse.weights.config import CONFIG, LABELS, WEIGHTS
from sceneparse.weights.model import find_model

MANIFEST = "manifest.jsonl"
StoreForm = Literal["files", "parquet"]


def predict_collection(
    parser: Parser,
    inputs: Sequence[str],
    out: str,
    *,
    store: StoreForm = "files",
    overlay: bool = True,
    column: str | None = None,
    workers: int | None = None,
    address: str | None = None,
    again: bool = False,
    progress: bool = True,
    write: Collection[str] | None = None,
    ignore_below: float | None = None,
    legend: LegendLayout = "auto",
) -> StreamSummary:
    """Parse a collection with workers on Ray Data, on this machine or a cluster.

    With store "files" each picture gives what `predict_pictures` gives, byte by byte; either continues what the other
    began. With "parquet" it gives a row of OUT/parts/*.parquet: its name, a column of bytes for each artefact, and
    its JSON. At the end come OUT/manifest.jsonl, a line for each picture ("name", "file", "status": "done" or "failed",
    "reason", "files"), in the inputs' order, and OUT/summary.json.

    A worker that dies is replaced, and what it had not finished is done again. A second run does what is not done,
    and pictures that failed. Each picture is in the manifest once.

    Args:
        parser: The model, as `load` gives it. Each worker loads it again; a cluster's machines get its files from here.
        inputs: Folders, pictures and patterns, .tar (WebDataset) and .parquet files; paths, or URLs that fsspec opens.
        out: The output folder, or its URL.
        store: As files, or as rows of Parquet files.
        overlay: Whether to draw overlays.
        column: The pictures' column of Parquet inputs. Default: the only one that can hold pictures.
        workers: How many workers share the processors. Default: one for each GPU, or for each four processors.
        address: A Ray cluster's address. Default: Ray is started on this machine alone.
        again: Also parse what is already done.
        progress: Show progress and closing lines on stderr.
        write: Names of the artefacts to write beside the JSON, in place of the default ones.
        ignore_below: As in `predict_pictures`.
        legend: As in `predict_pictures`.

    Raises:
        UserError: The parser wasn't made by `load`, no pictures, pictures of which one's file would take the place of
            another's, artefacts that there are not, Ray is missing or doesn't answer, or the outputs cannot be written.
    """
    start = time.perf_counter()
    if ignore_below is not None:
        check_probability("ignore_below", ignore_below)
    chosen = picture_artefacts(parser.other_tasks, write, overlay=overlay, model=parser.name)
    check_legend(legend, chosen)
    out = out if is_url(out) else str(expanded(out).absolute())
    loading = _loading_elsewhere(parser)
    location = Location(out)
    run = Run(location.local, progress=progress)
    left_out: list[LeftOut] = []
    items = list_items(inputs, out, column, chosen, left_out)
    if store == "parquet":
        earlier = rows_there(location)
        items = [replace(item, name=as_utf8(item.name)) for item in items]
        items = [replace(item, rows_there=tuple(earlier.get(item.name, ()))) for item in items]
    else:
        if not is_url(out):
            refuse_folded((item.name for item in items), Path(out))
        refuse_collisions(lambda: ((item.name, item.file) for item in items), chosen)
    with cluster(address) as ray:
        share = shares(ray, workers, loading.device)
        run.say_engine(parser)
        if ignore_below is not None:
            run.say_confidence(parser)
        run.say(f"{counted(len(items), 'picture')}, {share.describe()}")
        files = _files_of_model(loading.model) if address else None
        each = len(items) // share.workers
        plan = Plan(loading, files, out, store, chosen, again, share.threads, ignore_below, legend, each)
        outcomes = _parse(run, items, parse_chunks(ray, plan, items, share))
    run.leave_out_files(left_out)
    with writing(f"{out}/{MANIFEST}"):
        if store == "parquet":
            run.tally.pixels = deduplicate(location, {item.name: outcomes[item.number] for item in items})
        summary = run.tally.stream_summary(time.perf_counter() - start)
        (location / MANIFEST).write("".join(map(_line, items, outcomes)).encode())
        (location / SUMMARIES["picture"]).write(json_text(run.described(summary)).encode())
    rate = len(items) / max(summary.seconds, 1e-9)
    run.say(f"{summary.describe()}; {rate:.1f} pictures/s; see {(location / MANIFEST).address}")
    return summary


def _parse(run: Run, items: Sequence[Item], chunks: Iterable[Parsed]) -> list[dict[str, Any]]:
    """Take the outcomes as they come, and count them in the items' order."""
    outcomes: list[dict[str, Any]] = [{} for _ in items]
    with counting_progress(run.console, "Parsing", items, shown=run.progress) as advance:
        for chunk in chunks:
            run.engine_elsewhere(chunk.engine)
            for outcome in chunk.outcomes:
                outcomes[outcome["number"]] = outcome
                run.doubt(items[outcome["number"]].file, outcome["doubt"])
                run.remark(items[outcome["number"]].file, starmap(Remark, outcome["remarks"]))
                if outcome["status"] == "failed":
                    run.say(f"left out: {outcome['reason']}")
                advance()
    for item, outcome in zip(items, outcomes, strict=True):
        match outcome["status"]:
            case "parsed":
                run.tally.parsed(outcome["pixels"])
            case "skipped":
                run.tally.skip(outcome["pixels"])
            case _:
                run.tally.fail(Failure(item.file, outcome["reason"]))
    return outcomes


def _loading_elsewhere(parser: Parser) -> Loading:
    """How a worker, which may run in another folder, loads the model."""
    if parser.loading is None:
        raise UserError(f"model '{parser.name}' was not made by sceneparse.load, so workers cannot load it too")
    if Path(parser.loading.model).exists():
        return replace(parser.loading, model=str(Path(parser.loading.model).absolute()))
    return parser.loading


def _line(item: Item, outcome: dict[str, Any]) -> str:
    """A picture's line of the manifest, the same whichever run has parsed it."""
    failed = outcome["status"] == "failed"
    line = {"name": item.name, "file": item.file, "status": "failed" if failed else "done"}
    line |= {"reason": outcome["reason"]} if failed else {"files": outcome["files"]} if outcome["files"] else {}
    return json_of(line) + "\n"


def _files_of_model(model: str) -> dict[str, bytes]:
    """A model folder's files, for machines that don't have it."""
    if Path(model).is_file():
        raise UserError(f"{model}: an exported file cannot be sent to a cluster's workers; give the model folder")
    folder = find_model(model)
    return {name: (folder / name).read_bytes() for name in (CONFIG, LABELS, WEIGHTS) if (folder / name).is_file()}
