"""Put a parse in the place of an earlier one, and never of anything that no run wrote."""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sceneparse.files import make_folder, write_errors, write_json
from sceneparse.parsing.artefacts.choice import draws
from sceneparse.parsing.artefacts.table import ARTEFACTS
from sceneparse.parsing.outputs import FRAMES
from sceneparse.parsing.own_files import foreign_file, kind_of, kind_of_content, mark_of, named_files, read_record
from sceneparse.parsing.runs.earlier import same_making
from sceneparse.parsing.runs.faults import LeftOutError
from sceneparse.parsing.runs.summaries import SUMMARIES, Kind


@dataclass(frozen=True)
class Place:
    """Where the parse of an input goes.

    Args:
        kind: Of the input.
        shown: What messages call it.
        out: The output folder.
        record: The JSON that is written last.
        files: The others.
        inputs: Files that are parsed in this run.
        source: The input's own file, if it is one.
    """

    kind: Kind
    shown: str
    out: Path
    record: Path
    files: Collection[Path]
    inputs: Collection[Path] = ()
    source: Path | None = None


def place_of_picture(out: Path, stem: str, write: Collection[str], shown: str, source: Path | None) -> Place:
    """Return where a picture's parse goes.

    Args:
        out: The output folder.
        stem: What the picture's files are called there.
        write: Names of the artefacts.
        shown: What messages call the picture.
        source: Its file, if it is one of its own.
    """
    files = [out / f"{stem}{ARTEFACTS[name].suffix}" for name in write]
    return Place("picture", shown, out, out / f"{stem}.json", files, source=source)


def refuse_foreign(place: Place) -> None:
    """Refuse a parse in whose place something lies that is no earlier parse of its kind.

    The JSON tells. Where somebody has deleted it, files are taken for a run's own in a folder into which one has
    written, but for those beside the input itself, such as a picture's mask.

    Raises:
        LeftOutError: There is something.
    """
    if inputs := {path.resolve(): path for path in place.inputs}:
        for path in (*place.files, place.record):
            if (victim := inputs.get(path.resolve())) is not None:
                raise LeftOutError(
                    f"{place.shown}: its parse would overwrite the {place.kind} {victim}; choose another folder"
                )
    there = [path for path in place.files if _is_there(path)]
    # Of a run's own frames a file of theirs tells, whatever became of the JSON.
    if (folder := next((path for path in there if path.is_dir()), None)) is not None:
        raise _foreign(place, folder)
    if not there and not place.record.exists():
        return
    kind = kind_of(place.record)
    if kind == place.kind:
        if (found := foreign_file(place.record, there)) is not None:
            raise _foreign(place, found)
        return
    if kind is not None:
        raise _foreign(place, place.record)
    beside = place.source is not None and place.source.parent.resolve() == place.record.parent.resolve()
    if there and not mark_of(place.record).exists() and (beside or not _has_run(place)):
        raise _foreign(place, there[0])


@contextmanager
def replacing(place: Place, facts: dict[str, Any]) -> Iterator[None]:
    """Make room for a parse, which is written meanwhile, its JSON last.

    The JSON of an earlier parse goes first: without it nobody takes what is left for a whole one. Those of its files
    that are not written now go too if it was of another making; of the same, the new JSON names them as well. Until it
    is there, a hidden file beside it says that a run is writing here: after a kill, the next one knows by that what is
    its own.

    Args:
        place: Where it goes.
        facts: As `same_making` takes them.

    Raises:
        LeftOutError: As `refuse_foreign`.
        UserError: The outputs cannot be written.
    """
    refuse_foreign(place)
    earlier = read_record(place.record) if kind_of(place.record) == place.kind else None
    mark = mark_of(place.record)
    killed = mark.exists()
    named = named_files(place.record, earlier)
    make_folder(place.record.parent)
    with write_errors(place.record):
        mark.touch()
        place.record.unlink(missing_ok=True)
        others = _others(place, named)
        if earlier is not None and not same_making(earlier, facts):
            for path in others.values():
                _remove(path)
    try:
        yield
        kept = {name: path for name, path in others.items() if path.exists()}
        if kept and (record := read_record(place.record)) is not None:
            write_json(place.record, _with_kept(record, kept, (earlier or {}).get("legend")))
    finally:
        with suppress(OSError):
            if killed and place.record.exists() and _unnamed(place.record):
                mark.touch()  # a killed run may have left these, which wrote more than this one
            elif place.record.exists() or not any(map(_is_there, place.files)):
                mark.unlink(missing_ok=True)


def _with_kept(record: dict[str, Any], kept: dict[str, Path], legend: Any) -> dict[str, Any]:
    """The JSON of a parse that names files of an earlier one as well; drawings with another legend than its own go.

    Args:
        record: What the parse wrote.
        kept: The earlier one's files that are there, by their artefacts.
        legend: What the earlier one's JSON says of its legend.
    """
    # Of an artefact that a package brought along, which is gone, nothing is known.
    drawn = {name: path for name, path in kept.items() if name in ARTEFACTS and ARTEFACTS[name].drawn}
    if drawn and record.get("legend") != legend:
        if draws(record["files"]):
            for path in drawn.values():
                _remove(path)
            kept = {name: path for name, path in kept.items() if name not in drawn}
        else:
            record = {**record, "legend": legend}
    return {**record, "files": {**{name: path.name for name, path in kept.items()}, **record["files"]}}


def remove_frames(folder: Path) -> None:
    """Remove the label frames that a run left in a folder; whatever else is in it stays."""
    for path in folder.glob("*.png"):
        if re.fullmatch(r"\d{6,}", path.stem):
            path.unlink()
    (folder / FRAMES).unlink(missing_ok=True)


def foreign_json(content: bytes) -> bool:
    """Return whether a JSON file is none of a picture's parse, but says something: somebody's annotation, say."""
    return kind_of_content(content) not in (None, "picture")


def _has_run(place: Place) -> bool:
    """Whether a run of that kind has come to its end in the output folder, and has not left this input out."""
    match read_record(place.out / SUMMARIES[place.kind]):
        case {"done": int(), "skipped": int(), "failures": [*failures]}:
            left_out = {Path(str(one.get("file"))).absolute() for one in failures if isinstance(one, dict)}
            return Path(place.shown).absolute() not in left_out
    return False


def _is_there(path: Path) -> bool:
    """Whether there is a file, or a folder with anything but a run's label frames."""
    if path.is_dir():
        return not (path / FRAMES).is_file() and any(path.iterdir())
    return path.exists()


def _unnamed(record: Path) -> bool:
    """Whether files lie beside a JSON that are called as its own might be, and that it does not name."""
    own = {record.name, *(path.name for path in named_files(record, read_record(record)).values())}
    return any(
        path.name.startswith(f"{record.stem}{sign}")
        for sign in "._"
        for path in record.parent.iterdir()
        if path.name not in own
    )


def _others(place: Place, named: dict[str, Path]) -> dict[str, Path]:
    """The files of an earlier parse that are not written now, by their artefacts."""
    written = {path.name for path in place.files}
    return {name: path for name, path in named.items() if path.name not in written}


def _remove(path: Path) -> None:
    """Remove what an earlier parse wrote."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    remove_frames(path)
    with suppress(OSError):  # of somebody's own files in it
        path.rmdir()


def _foreign(place: Place, path: Path) -> LeftOutError:
    return LeftOutError(
        f"{place.shown}: its parse would overwrite {path}, which no earlier parse of this {place.kind} left; move that "
        "away, or choose another folder"
    )
