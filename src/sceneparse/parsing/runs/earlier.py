"""What an earlier run left: whether it is whole, and of the same input, model and protocol, so that a run goes on."""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sceneparse.parsing.artefacts.choice import draws
from sceneparse.parsing.parser import Parser
from sceneparse.settings.legend import LegendLayout


def made_by(parser: Parser, *, ignore_below: float | None = None, legend: LegendLayout = "auto") -> dict[str, Any]:
    """Return what a parse depends on besides its input: the model, the protocol and, of a unified model, the tasks.

    The threshold, the ranges and the legend's place too, where they were given.

    Args:
        parser: The model.
        ignore_below: The confidence under which pixels get no class; None: all have one.
        legend: Where drawings have their legend, if there are any.
    """
    tasks = {} if parser.tasks is None else {"tasks": sorted(parser.tasks.names())}
    ignored = {} if ignore_below is None else {"ignore_below": ignore_below}
    ranges = {"ranges": [list(pair) for pair in parser.ranges]} if parser.ranges else {}
    place = {} if legend == "auto" else {"legend": legend}
    model = {"model_sha256": parser.fingerprint, "protocol": parser.protocol.described()}
    return {**model, **tasks, **ignored, **ranges, **place}


def facts_of_file(path: Path) -> dict[str, Any]:
    """Return what identifies a file and changes with it: its path, size and time of change.

    Raises:
        OSError: It is not there.
    """
    status = path.stat()
    return {"file": path.as_posix(), "bytes": status.st_size, "modified_ns": status.st_mtime_ns}


def read_record(path: Path) -> dict[str, Any] | None:
    """Return the JSON that a run writes last for each input; None if it is not there, or not one of a run."""
    try:
        return _record(path.read_bytes())
    except OSError:  # none there
        return None


def same_making(record: dict[str, Any], facts: dict[str, Any]) -> bool:
    """Return whether an earlier parse depends on the same facts, wherever its input lies now.

    Args:
        record: The JSON of the earlier parse.
        facts: What the JSON of this parse would say of its making: its input, and what `made_by` gives.
    """
    # A model of objects alone says nothing of tasks, a parse with a class for each pixel nothing of a threshold, one
    # with the training's ranges nothing of these.
    expected = {"tasks": None, "ignore_below": None, "ranges": None, **facts}
    return all(_without_path(record.get(key)) == _without_path(value) for key, value in expected.items())


def is_whole(record: Path, facts: dict[str, Any], files: Mapping[str, Path]) -> bool:
    """Return whether an earlier run left an input's outputs, all of them and of the same making.

    Args:
        record: The JSON of the input.
        facts: As `same_making` takes them.
        files: The outputs by artefact.
    """
    earlier = read_record(record)
    if earlier is None or not same_making(earlier, facts):
        return False
    written = earlier.get("files")
    return isinstance(written, dict) and all(name in written and path.exists() for name, path in files.items())


class Earlier(NamedTuple):
    """What is left of an earlier parse of a picture.

    Args:
        pixels: Its classes' pixels.
        files: The names of its files by artefact.
    """

    pixels: dict[str, int]
    files: dict[str, str]


def earlier_parse(content: bytes, facts: dict[str, Any], write: Collection[str]) -> Earlier | None:
    """Return what the JSON of an earlier parse of a picture says; None if it is of another making.

    Args:
        content: The JSON.
        facts: As `same_making` takes them.
        write: The artefacts that it must have.
    """
    record = _record(content)
    # Where nothing is drawn, it does not matter where an earlier run drew its legends.
    unsaid = {"legend": None} if draws(write) else {}
    if record is None or not same_making(record, {**unsaid, **facts}):
        return None
    try:
        files = record["files"]
        pixels = {entry["name"]: entry["pixels"] for entry in record["classes"]}
        return Earlier(pixels, files) if set(write) <= set(files) else None
    except (KeyError, TypeError):  # not one of a picture's parse
        return None


def earlier_in_folder(folder: Path, stem: str, facts: dict[str, Any], write: Collection[str]) -> Earlier | None:
    """Return what an earlier run left of a picture in a folder, if it is whole and of the same making.

    Args:
        folder: The output folder.
        stem: What the picture's files are called there.
        facts: As `same_making` takes them.
        write: The artefacts that it must have.
    """
    path = folder / f"{stem}.json"
    try:
        earlier = earlier_parse(path.read_bytes(), facts, write)
    except OSError:  # none there
        return None
    whole = earlier is not None and all(path.with_name(file).is_file() for file in earlier.files.values())
    return earlier if whole else None


def parses_in(out: Path, fingerprint: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the JSON files of a model's parses of pictures with a label map, sorted, and what they say.

    Args:
        out: The output folder.
        fingerprint: The model's.
    """
    for path in sorted(out.rglob("*.json")):
        said = read_record(path)
        if said is None or said.get("model_sha256") != fingerprint or not isinstance(said.get("picture"), dict):
            continue
        if isinstance(files := said.get("files"), dict) and "labels" in files:
            yield path, said


def _record(content: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(content)
    except ValueError:  # no JSON, or no text
        return None
    return record if isinstance(record, dict) else None


def _without_path(value: Any) -> Any:
    """A fact without the path of its file: a file may have been moved."""
    if isinstance(value, list):
        return [_without_path(one) for one in value]
    if isinstance(value, dict):
        return {key: one for key, one in value.items() if key != "file"}
    return value
