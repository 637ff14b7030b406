"""Where a collection's results go: files that mirror the inputs, on a disk or in an object store, or Parquet files."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from sceneparse.errors import UserError
from sceneparse.parsing.artefacts import earlier_parse, stem_of
from sceneparse.parsing.parse import Parse
from sceneparse.parsing.runs.collection.items import Item
from sceneparse.parsing.runs.collection.locations import Place, told

PARTS = "parts"
"""The folder of Parquet results."""


class Saved(NamedTuple):
    """What became of a picture.

    Args:
        pixels: Its classes' pixels.
        files: Its files by kind.
        digest: Of a row, what tells it from the parse of another picture or model.
    """

    pixels: dict[str, int]
    files: dict[str, str]
    digest: str = ""


class Store(ABC):
    """Takes parses in one worker.

    Args:
        place: The output folder.
        overlay: Whether overlays are written.
    """

    def __init__(self, place: Place, overlay: bool) -> None:
        self.place, self.overlay = place, overlay

    @abstractmethod
    def earlier(self, item: Item, facts: dict[str, Any], wanted: set[str]) -> Saved | None:
        """What an earlier run left of a picture, if it is whole and of the same making."""

    @abstractmethod
    def save(self, parse: Parse, item: Item, facts: dict[str, Any], wanted: set[str]) -> Saved:
        """Write a parse."""

    def end_chunk(self) -> None:  # noqa: B027 - most have written everything by then
        """What was saved is whole afterwards."""


class FolderStore(Store):
    """The plain loop's files, on a disk: an earlier run of either is continued by the other."""

    def earlier(self, item: Item, facts: dict[str, Any], wanted: set[str]) -> Saved | None:
        """See `Store`."""
        mark = self._folder / f"{stem_of(item.name)}.json"
        try:
            said = mark.read_bytes()
        except OSError:  # none there
            return None
        found = earlier_parse(said, facts, wanted)
        if found is None or not all(mark.with_name(file).is_file() for file in found.files.values()):
            return None
        return Saved(found.pixels, _below(item.name, found.files))

    def save(self, parse: Parse, item: Item, facts: dict[str, Any], wanted: set[str]) -> Saved:  # noqa: ARG002
        """See `Store`."""
        mark = parse.save(self._folder, stem_of(item.name), overlay=self.overlay, facts=facts)
        return _saved(mark, item.name, parse)

    @property
    def _folder(self) -> Path:
        assert self.place.local is not None
        return self.place.local


class ObjectStore(Store):
    """The same files in an object store, the JSON last."""

    def earlier(self, item: Item, facts: dict[str, Any], wanted: set[str]) -> Saved | None:
        """See `Store`."""
        mark = self.place / f"{stem_of(item.name)}.json"
        with told(mark.address):
            if not mark.fs.exists(mark.path):
                return None
            found = earlier_parse(mark.read(), facts, wanted)
            if found is None:
                return None
            files = _below(item.name, found.files)
            there = all(self.place.fs.exists((self.place / file).path) for file in files.values())
        return Saved(found.pixels, files) if there else None

    def save(self, parse: Parse, item: Item, facts: dict[str, Any], wanted: set[str]) -> Saved:  # noqa: ARG002
        """See `Store`."""
        name = f"{stem_of(item.name)}.json"
        with TemporaryDirectory(prefix="sceneparse-") as folder:
            mark = parse.save(folder, stem_of(item.name), overlay=self.overlay, facts=facts)
            saved, old = _saved(mark, item.name, parse), self.place / name
            with told(self.place.address):
                if old.fs.exists(old.path):
                    old.fs.rm_file(old.path)
            for file in (*saved.files.values(), name):
                (self.place / file).write((Path(folder) / file).read_bytes())
        return saved


class PartStore(Store):
    """Rows of Parquet files, one file a chunk: "name", "digest", "json", and a column of bytes for each kind of file.

    A chunk that is done again, after its worker died, gives the same file again.
    """

    def __init__(self, place: Place, overlay: bool) -> None:
        super().__init__(place, overlay)
        self._rows: list[dict[str, Any]] = []

    def earlier(self, item: Item, facts: dict[str, Any], wanted: set[str]) -> Saved | None:
        """See `Store`; the classes' pixels are left to whoever reads the parts."""
        digest = _digest(facts, wanted)
        return Saved({}, {}, digest) if digest in item.rows_there else None

    def save(self, parse: Parse, item: Item, facts: dict[str, Any], wanted: set[str]) -> Saved:
        """See `Store`."""
        with TemporaryDirectory(prefix="sceneparse-") as folder:
            mark = parse.save(folder, "parse", overlay=self.overlay, facts=facts)
            said = json.loads(mark.read_bytes())
            kinds = {kind: mark.with_name(file).read_bytes() for kind, file in said.pop("files").items()}
        saved = Saved({}, {}, _digest(facts, wanted))
        text = json.dumps(said, ensure_ascii=False, allow_nan=False)
        self._rows.append({"name": item.name, "digest": saved.digest, "json": text, **kinds})
        return saved

    def end_chunk(self) -> None:
        """See `Store`."""
        rows, self._rows = sorted(self._rows, key=lambda row: row["name"]), []
        if rows:
            key = hashlib.sha256("\n".join(f"{row['name']} {row['digest']}" for row in rows).encode())
            write_part(self.place / f"{PARTS}/{key.hexdigest()[:24]}.parquet", rows)


def write_part(place: Place, rows: list[dict[str, Any]]) -> None:
    """Write rows as a Parquet file, whole or not at all."""
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.Table.from_pylist(rows)
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(table, sink)
    place.write(sink.getvalue().to_pybytes())


def parts(place: Place) -> Iterator[Place]:
    """The Parquet results in an output folder, in order."""
    folder = place / PARTS
    with told(folder.address):
        found = folder.fs.ls(folder.path, detail=False) if folder.fs.isdir(folder.path) else []
    for name in sorted(str(path).rsplit("/", 1)[-1] for path in found):
        if name.endswith(".parquet") and not name.startswith("."):
            yield folder / name


def read_part(place: Place, columns: list[str] | None = None) -> list[dict[str, Any]]:
    """The rows of a part.

    Raises:
        UserError: It is damaged, or no part of ours.
    """
    import pyarrow
    import pyarrow.parquet

    with told(place.address):
        content = place.read()
    try:
        return list(pyarrow.parquet.read_table(pyarrow.BufferReader(content), columns=columns).to_pylist())
    except (pyarrow.ArrowException, KeyError) as error:
        raise UserError(
            f"{place.address}: no Parquet file of results ({' '.join(str(error).split())[:200]}); take it out of the "
            "output folder: its pictures will be parsed again"
        ) from None


def _below(name: str, files: dict[str, str]) -> dict[str, str]:
    """Paths from the output folder on."""
    folder = name.rpartition("/")[0]
    return {kind: f"{folder}/{file}" if folder else file for kind, file in files.items()}


def _saved(mark: Path, name: str, parse: Parse) -> Saved:
    files = json.loads(mark.read_bytes())["files"]
    return Saved({entry.name: entry.pixels for entry in parse.legend}, _below(name, files))


def _digest(facts: dict[str, Any], wanted: set[str]) -> str:
    """SHA-256 of what a row depends on: the picture, wherever it lies, the model, the protocol, the kinds of files."""
    picture = {key: value for key, value in facts["picture"].items() if key != "file"}
    text = json.dumps({**facts, "picture": picture, "kinds": sorted(wanted)}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
