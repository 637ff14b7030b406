"""Where a collection's results go: files that mirror the inputs, on a disk or in an object store, or Parquet files."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from sceneparse.errors import UserError
from sceneparse.files import json_of
from sceneparse.parsing.artefacts.file_names import stem_of
from sceneparse.parsing.parse import Parse
from sceneparse.parsing.runs.collection.addresses import is_url
from sceneparse.parsing.runs.collection.items import Item
from sceneparse.parsing.runs.collection.locations import Location, store_errors
from sceneparse.parsing.runs.earlier import earlier_in_folder, earlier_parse
from sceneparse.parsing.runs.faults import LeftOutError
from sceneparse.parsing.runs.replacing import foreign_json, place_of_picture, replacing
from sceneparse.tasks import MAPS, Task

RESULTS = "parts"
"""The folder of Parquet results."""

_TASK_MAPS = frozenset(task.plural for task in MAPS if task is not Task.OBJECT)
"""Label spaces of a unified model, which are the names of their label maps' artefacts, too."""


class Saved(NamedTuple):
    """The result of saving a picture's parse.

    Args:
        pixels: Its classes' pixels.
        files: Its files by artefact.
        digest: Of a row; differs for another picture or model.
    """

    pixels: dict[str, int]
    files: dict[str, str]
    digest: str = ""


class Store(ABC):
    """Takes parses in one worker.

    Args:
        location: The output folder.
        write: Names of the artefacts that are written.
    """

    def __init__(self, location: Location, write: Sequence[str]) -> None:
        self.location, self.write = location, tuple(write)

    @abstractmethod
    def earlier(self, item: Item, facts: dict[str, Any]) -> Saved | None:
        """Return what an earlier run left of a picture, if it is whole and of the same making."""

    @abstractmethod
    def save(self, parse: Parse, item: Item, facts: dict[str, Any]) -> Saved:
        """Write a parse."""

    def end_chunk(self) -> None:  # noqa: B027 - most have written everything by then
        """Write what is still to be written of the chunk."""


class FolderStore(Store):
    """The files that `predict_pictures` writes, on a disk: an earlier run of either is continued by the other."""

    def earlier(self, item: Item, facts: dict[str, Any]) -> Saved | None:
        """See `Store`."""
        found = earlier_in_folder(self._folder, stem_of(item.name), facts, self.write)
        return found and Saved(found.pixels, _below(item.name, found.files))

    def save(self, parse: Parse, item: Item, facts: dict[str, Any]) -> Saved:
        """See `Store`."""
        source = Path(item.address) if item.kind == "file" and not is_url(item.address) else None
        place = place_of_picture(self._folder, stem_of(item.name), self.write, item.file, source)
        with replacing(place, facts):
            record = parse.save(self._folder, stem_of(item.name), facts=facts, write=self.write)
        return _saved(record, item.name, parse)

    @property
    def _folder(self) -> Path:
        assert self.location.local is not None
        return self.location.local


class ObjectStore(Store):
    """The same files in an object store, the JSON last."""

    def earlier(self, item: Item, facts: dict[str, Any]) -> Saved | None:
        """See `Store`."""
        record = self.location / f"{stem_of(item.name)}.json"
        with store_errors(record.address):
            if not record.fs.exists(record.path):
                return None
            found = earlier_parse(record.read(), facts, self.write)
            if found is None:
                return None
            files = _below(item.name, found.files)
            whole = all(self.location.fs.exists((self.location / file).path) for file in files.values())
        return Saved(found.pixels, files) if whole else None

    def save(self, parse: Parse, item: Item, facts: dict[str, Any]) -> Saved:
        """See `Store`."""
        name = f"{stem_of(item.name)}.json"
        with TemporaryDirectory(prefix="sceneparse-") as folder:
            record = parse.save(folder, stem_of(item.name), facts=facts, write=self.write)
            saved, old = _saved(record, item.name, parse), self.location / name
            with store_errors(self.location.address):
                if old.fs.exists(old.path):
                    if foreign_json(old.read()):
                        raise LeftOutError(f"{item.file}: its JSON would overwrite {old.address}, which no run wrote")
                    old.fs.rm_file(old.path)
            for file in (*saved.files.values(), name):
                (self.location / file).write((Path(folder) / file).read_bytes())
        return saved


class ParquetStore(Store):
    """Rows of Parquet files, one file a chunk: "name", "digest", "json", and a column of bytes for each artefact.

    A chunk that is done again, after its worker died, gives the same file again.
    """

    def __init__(self, location: Location, write: Sequence[str]) -> None:
        super().__init__(location, write)
        self._rows: list[dict[str, Any]] = []

    def earlier(self, item: Item, facts: dict[str, Any]) -> Saved | None:
        """See `Store`; the classes' pixels are left to whoever reads the rows."""
        digest = self._digest(facts)
        return Saved({}, {}, digest) if digest in item.rows_there else None

    def save(self, parse: Parse, item: Item, facts: dict[str, Any]) -> Saved:
        """See `Store`."""
        with TemporaryDirectory(prefix="sceneparse-") as folder:
            path = parse.save(folder, "parse", facts=facts, write=self.write)
            record = json.loads(path.read_bytes())
            files = {name: path.with_name(file).read_bytes() for name, file in record.pop("files").items()}
        saved = Saved({}, {}, self._digest(facts))
        text = json_of(record)
        self._rows.append({"name": item.name, "digest": saved.digest, "json": text, **files})
        return saved

    def end_chunk(self) -> None:
        """See `Store`."""
        rows, self._rows = sorted(self._rows, key=lambda row: row["name"]), []
        if rows:
            key = hashlib.sha256("\n".join(f"{row['name']} {row['digest']}" for row in rows).encode())
            write_rows(self.location / f"{RESULTS}/{key.hexdigest()[:24]}.parquet", rows)

    def _digest(self, facts: dict[str, Any]) -> str:
        """SHA-256 of what a row depends on: the picture, wherever it lies, model, protocol and artefacts."""
        picture = {key: value for key, value in facts["picture"].items() if key != "file"}
        # The label maps of the tasks follow from these: only that one is not written must be said.
        maps = _TASK_MAPS.intersection(facts.get("tasks", ()))
        kinds = sorted({*self.write} - maps) + sorted(f"no {name}" for name in maps - {*self.write})
        text = json.dumps({**facts, "picture": picture, "kinds": kinds}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def write_rows(location: Location, rows: list[dict[str, Any]]) -> None:
    """Write rows as a Parquet file, whole or not at all."""
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.Table.from_pylist(rows)
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(table, sink)
    location.write(sink.getvalue().to_pybytes())


def result_files(location: Location) -> Iterator[Location]:
    """Yield the Parquet files of results in an output folder, in order."""
    folder = location / RESULTS
    with store_errors(folder.address):
        found = folder.fs.ls(folder.path, detail=False) if folder.fs.isdir(folder.path) else []
    for name in sorted(str(path).rsplit("/", 1)[-1] for path in found):
        if name.endswith(".parquet") and not name.startswith("."):
            yield folder / name


def read_rows(location: Location, columns: list[str] | None = None) -> list[dict[str, Any]]:
    """Return the rows of a Parquet file of results.

    Raises:
        UserError: It is damaged, or none of ours.
    """
    import pyarrow
    import pyarrow.parquet

    with store_errors(location.address):
        content = location.read()
    try:
        return list(pyarrow.parquet.read_table(pyarrow.BufferReader(content), columns=columns).to_pylist())
    except (pyarrow.ArrowException, KeyError) as error:
        raise UserError(
            f"{location.address}: no Parquet file of results ({' '.join(str(error).split())[:200]}); take it out of "
            "the output folder: its pictures will be parsed again"
        ) from None


def as_utf8(name: str) -> str:
    """Return a picture's name as a table of text can hold it: what is no UTF-8 is escaped."""
    return name.encode("utf-8", "backslashreplace").decode()


def _below(name: str, files: dict[str, str]) -> dict[str, str]:
    """Paths from the output folder on."""
    folder = name.rpartition("/")[0]
    return {kind: f"{folder}/{file}" if folder else file for kind, file in files.items()}


def _saved(record: Path, name: str, parse: Parse) -> Saved:
    files = json.loads(record.read_bytes())["files"]
    return Saved({entry.name: entry.pixels for entry in parse.legend}, _below(name, files))
