"""Whole collections: found, parsed by workers on Ray Data, and told in a manifest."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from sceneparse.errors import UserError
from sceneparse.parsing.artefacts import cannot_write
from sceneparse.parsing.parser import Parser
from sceneparse.parsing.runs.collection.cluster import cluster, shares, told_by_workers
from sceneparse.parsing.runs.collection.deduplicate import rows_there, settle
from sceneparse.parsing.runs.collection.items import Item
from sceneparse.parsing.runs.collection.listing import list_items
from sceneparse.parsing.runs.collection.locations import Place, is_url
from sceneparse.parsing.runs.collection.worker import Plan
from sceneparse.parsing.runs.pictures import StreamSummary
from sceneparse.parsing.runs.progress import counting_progress
from sceneparse.parsing.runs.summary import Failure
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
) -> StreamSummary:
    """Parse a collection with workers on Ray Data, on this machine or a cluster.

    With store "files" each picture gives what `predict_pictures` gives, byte by byte; either continues what the other
    began. With "parquet" it gives a row of OUT/parts/*.parquet: its name, a column of bytes for each kind of file, and
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

    Raises:
        UserError: The parser wasn't made by `load`, no pictures, Ray is missing or doesn't answer, or the outputs
            cannot be written.
    """
    start = time.perf_counter()
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if parser.loading is None:
        raise UserError(f"model '{parser.name}' was not made by sceneparse.load, so workers cannot load it too")
    loading, out = parser.loading, out if is_url(out) else str(Path(out).expanduser().absolute())
    if Path(loading.model).exists():  # workers may run in another folder
        loading = replace(loading, model=str(Path(loading.model).absolute()))
    place = Place(out)
    if place.local is not None:
        try:
            place.local.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(out, error) from None
    items = list_items(inputs, out, column)
    if store == "parquet":
        there = rows_there(place)
        items = [replace(item, rows_there=tuple(there.get(item.name, ()))) for item in items]
    told: list[dict[str, Any]] = [{} for _ in items]
    with cluster(address) as ray:
        share = shares(ray, workers, loading.device)
        if progress:
            each = f"{share.threads} processor{'s' * (share.threads > 1)}{' and a GPU' * share.gpus} each"
            console.print(f"engine: {parser.engine.describe()}", markup=False)
            console.print(
                f"{len(items)} pictures, {share.workers} worker{'s' * (share.workers > 1)} with {each}", markup=False
            )
        files = _files_of_model(loading.model) if address else None
        plan = Plan(loading, files, out, store, overlay, again, share.threads)
        with counting_progress(console, "Parsing", items, shown=progress) as advance:
            for chunk in told_by_workers(ray, plan, items, share):
                for one in chunk:
                    told[one["number"]] = one
                    if one["status"] == "failed" and progress:
                        console.print(f"left out: {one['reason']}", markup=False)
                    advance()
    pixels: Counter[str] = Counter()
    for one in told:
        pixels.update(one["pixels"] or {})
    try:
        if store == "parquet":
            pixels = settle(place, {item.name: told[item.number] for item in items})
        summary = _summary(items, told, pixels, time.perf_counter() - start)
        (place / MANIFEST).write("".join(map(_line, items, told)).encode())
        (place / "summary.json").write((json.dumps(summary.to_json(), indent=2, ensure_ascii=False) + "\n").encode())
    except OSError as error:
        raise cannot_write(f"{out}/{MANIFEST}", error) from None
    if progress:
        rate = len(items) / max(summary.seconds, 1e-9)
        console.print(f"{summary.told}; {rate:.1f} pictures/s; see {(place / MANIFEST).address}", markup=False)
    return summary


def _summary(
    items: Sequence[Item], told: Sequence[dict[str, Any]], pixels: Counter[str], seconds: float
) -> StreamSummary:
    states = Counter(one["status"] for one in told)
    failures = tuple(
        Failure(item.file, one["reason"]) for item, one in zip(items, told, strict=True) if one["status"] == "failed"
    )
    total = pixels.total()
    shares_of = {name: count / total for name, count in pixels.most_common()}
    return StreamSummary(states["parsed"], states["skipped"], failures, shares_of, seconds)


def _line(item: Item, told: dict[str, Any]) -> str:
    """A picture's line of the manifest, the same whichever run has parsed it."""
    failed = told["status"] == "failed"
    line = {"name": item.name, "file": item.file, "status": "failed" if failed else "done"}
    line |= {"reason": told["reason"]} if failed else {"files": told["files"]} if told["files"] else {}
    return json.dumps(line, ensure_ascii=False) + "\n"


def _files_of_model(model: str) -> dict[str, bytes]:
    """A model folder's files, for machines that don't have it."""
    if Path(model).is_file():
        raise UserError(f"{model}: an exported file cannot be sent to a cluster's workers; give the model folder")
    folder = find_model(model)
    return {name: (folder / name).read_bytes() for name in (CONFIG, LABELS, WEIGHTS) if (folder / name).is_file()}
