"""What an earlier run left: whether it is whole, and of the same input, model and protocol, so that a run goes on."""

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sceneparse.datasets.forms.whole_folder import RECORD as ANNOTATIONS
from sceneparse.errors import UserError
from sceneparse.files import write_json
from sceneparse.parsing.artefacts.choice import draws
from sceneparse.parsing.own_files import read_record, record_of
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


def refuse_foreign_summary(path: Path) -> None:
    """Refuse to replace what lies in the place of a run's summary, and no run has written.

    Args:
        path: The summary's file.

    Raises:
        UserError: There is something.
    """
    try:
        content = path.read_bytes()
    except OSError:  # none there; what cannot be read cannot be replaced either, which is said then
        return
    said = record_of(content)
    # Runs write whole files: no more than zeros are left of one when the power fails.
    if content.strip(b"\0 \t\r\n") and (said is None or "done" not in said):
        raise UserError(
            f"{path}: the summary of this run would overwrite it, but no run has written it; choose another folder"
        )


def same_making(record: dict[str, Any], facts: dict[str, Any]) -> bool:
    """Return whether an earlier parse depends on the same facts, wherever its input has been moved since.

    Args:
        record: The JSON of the earlier parse.
        facts: What the JSON of this parse would say of its making: its input, and what `made_by` gives.
    """
    # A model of objects alone says nothing of tasks, a parse with a class for each pixel nothing of a threshold, one
    # with the training's ranges nothing of these.
    expected = {"tasks": None, "ignore_below": None, "ranges": None, "palette": None, **facts}
    return all(_same(record.get(key), value) for key, value in expected.items())


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
    return _earlier(record_of(content), facts, write)


def _earlier(record: dict[str, Any] | None, facts: dict[str, Any], write: Collection[str]) -> Earlier | None:
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
    record = read_record(path)
    earlier = _earlier(record, facts, write)
    if record is None or earlier is None:
        return None
    there = {name: file for name, file in earlier.files.items() if path.with_name(file).is_file()}
    if not set(write) <= set(there):
        return None
    if record["picture"] != facts["picture"]:  # it was moved: who makes annotations of the JSON looks for it
        write_json(path, {**record, "picture": facts["picture"]})
    return earlier._replace(files=there)


class Parsed(NamedTuple):
    """A picture's parse in an output folder.

    Args:
        record: Its JSON.
        labels: Its label map.
        picture: The picture.
        size: Its height and width.
    """

    record: Path
    labels: Path
    picture: Path
    size: tuple[int, int]


def parses_in(out: Path, fingerprint: str, ignore_below: float | None = None) -> list[Parsed]:
    """Return a model's parses of pictures with a label map, sorted by their JSON files.

    Of several of one picture the last is taken: a picture "a" is called "a.jpg" once there is an "a.png" too.

    Args:
        out: The output folder.
        fingerprint: The model's.
        ignore_below: As in `predict_pictures`; what was parsed otherwise is passed over.
    """
    found: dict[str, tuple[int, Parsed]] = {}
    for path in _records_in(out):
        said = read_record(path)
        if said is None or said.get("model_sha256") != fingerprint or said.get("ignore_below") != ignore_below:
            continue
        match said:
            case {"picture": {"file": str(file)}, "files": {"labels": str(labels)}, "height": height, "width": width}:
                one = Parsed(path, path.with_name(labels), Path(file), (height, width))
                written, picture = path.stat().st_mtime_ns, str(Path(file).absolute())
                if picture not in found or found[picture][0] <= written:
                    found[picture] = (written, one)
    return sorted(one for _, one in found.values())


def _records_in(out: Path) -> Iterator[Path]:
    """Yield the JSON files of a folder, but not what annotations hold, which may be millions of lines."""
    for folder, below, files in os.walk(out):
        if ANNOTATIONS in files and Path(folder) != out:
            below.clear()
            continue
        yield from (Path(folder, file) for file in files if file.endswith(".json"))


def _same(said: Any, value: Any) -> bool:
    """Whether a record says a fact. The path of a file may be another, unless a file is still where it was."""
    if isinstance(said, list) and isinstance(value, list):
        return len(said) == len(value) and all(map(_same, said, value))
    if isinstance(said, dict) and isinstance(value, dict):
        rest = [{key: one for key, one in facts.items() if key != "file"} for facts in (said, value)]
        return rest[0] == rest[1] and not _is_another(said.get("file"), value.get("file"))
    return bool(said == value)


def _is_another(said: Any, path: Any) -> bool:
    """Whether the file at an earlier path is there, and is not the one at this path."""
    try:
        return said != path and not Path(said).samefile(path)
    except (OSError, TypeError, ValueError):  # not there, or no path
        return False
