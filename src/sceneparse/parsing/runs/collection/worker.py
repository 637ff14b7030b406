"""A worker, which loads the model once and parses one chunk of pictures after the other."""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

import torch

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.inference.later import Later
from sceneparse.inference.worth_compiling import Amount, work_ahead
from sceneparse.parsing.artefacts.choice import shows_picture
from sceneparse.parsing.batches import in_batches, read_ahead
from sceneparse.parsing.loading import Loading
from sceneparse.parsing.opening import PictureRead
from sceneparse.parsing.parse import Parse
from sceneparse.parsing.parser import Parser
from sceneparse.parsing.remarks import Remark
from sceneparse.parsing.runs.collection.items import Item, unpacked
from sceneparse.parsing.runs.collection.locations import Location
from sceneparse.parsing.runs.collection.shards import content
from sceneparse.parsing.runs.collection.stores import FolderStore, ObjectStore, ParquetStore, Saved, Store
from sceneparse.parsing.runs.earlier import facts_of_file, made_by
from sceneparse.parsing.runs.faults import LeftOutError, parsing, writing, writing_parse
from sceneparse.settings.legend import LegendLayout
from sceneparse.tables import require_known

_DEATHS = 5
"""After so many a picture is left out."""


@dataclass(frozen=True)
class Plan:
    """What all workers need to know.

    Args:
        loading: How the model is loaded.
        files: The model's files by name, for machines that don't have the folder; None where they have.
        out: The output folder or its URL.
        form: As files, or as rows of Parquet files.
        write: Names of the artefacts that are written.
        again: Whether what is done is done again.
        threads: Threads that a worker computes with.
        ignore_below: The confidence under which pixels get no class; None: all have one.
        legend: Where drawings have their legend.
        share: How many pictures a worker may expect.
    """

    loading: Loading
    files: dict[str, bytes] | None
    out: str
    form: Literal["files", "parquet"]
    write: tuple[str, ...]
    again: bool
    threads: int
    ignore_below: float | None = None
    legend: LegendLayout = "auto"
    share: int = 0

    def parser(self) -> Parser:
        """Load the model."""
        if self.files is None:
            return self.loading()
        with TemporaryDirectory(prefix="sceneparse-model-") as folder:
            for name, content_of in self.files.items():
                Path(folder, name).write_bytes(content_of)
            return replace(self.loading, model=folder)()

    def store(self) -> Store:
        """Return what takes the parses."""
        location = Location(self.out)
        if self.form == "parquet":
            return ParquetStore(location, self.write)
        return (ObjectStore if location.local is None else FolderStore)(location, self.write)


@dataclass(frozen=True)
class Outcome:
    """The result of parsing a picture: parsed, skipped or failed.

    Args:
        number: Its index in the collection.
        status: Parsed now, parsed by an earlier run, or failed.
        reason: Why it failed.
        files: Its files by artefact.
        pixels: Its classes' pixels.
        digest: Of its row.
        doubt: Why its parse may be worse than the model's figures.
        remarks: What is to be said of how it was read.
    """

    number: int
    status: Literal["parsed", "skipped", "failed"]
    reason: str | None = None
    files: dict[str, str] | None = None
    pixels: dict[str, int] | None = None
    digest: str = ""
    doubt: str | None = None
    remarks: tuple[Remark, ...] = ()


class _Read(NamedTuple):
    """A picture that is to be parsed."""

    read: PictureRead
    facts: dict[str, Any]


class Attempts:
    """What was begun and not ended, so that a picture which ends its worker is found and left out."""

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()

    def begin(self, what: str) -> int:
        """Begin something; how often it was begun before and never ended."""
        self._begun[what] += 1
        return self._begun[what] - 1

    def end(self, what: str) -> None:
        """End it."""
        del self._begun[what]


class ParseChunks:
    """A Ray Data map: rows of a chunk's items become rows of what became of them.

    Args:
        plan: What to do.
        attempts: Something that is one for all workers and outlives them.
    """

    def __init__(self, plan: Plan, attempts: Attempts) -> None:
        torch.set_num_threads(plan.threads)
        self._plan, self._attempts = plan, attempts
        self._shown = shows_picture(plan.write)
        self._wrong: str | None = None
        self._done = 0
        try:
            for name in plan.write:  # a cluster's machine may lack the package that brings one along
                require_known("artefacts", name, argument("write"))
            self._parser = plan.parser()
            self._store = plan.store()
        except UserError as error:
            self._wrong = str(error)
            return
        self._made_by = made_by(self._parser, ignore_below=plan.ignore_below, legend=plan.legend)
        self._ahead = ExitStack()  # for as long as there is this worker
        self._ahead.enter_context(work_ahead(self._parser.engine, self._amount))

    def _amount(self) -> Amount:
        return Amount(self._done, self._plan.share - self._done)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Parse a chunk.

        Args:
            row: "items": as `packed` gives them.

        Returns:
            "outcomes": a list of `Outcome` as JSON. "engine": what gave the scores. "wrong": what is the user's to
            mend, and ends the run; empty if nothing. (Raised here, only its text would come through Ray, in the midst
            of a trace.)
        """
        if self._wrong is None:
            try:
                return {"outcomes": self._parsed(row), "engine": self._parser.engine.describe(), "wrong": ""}
            except UserError as error:
                self._wrong = str(error)
        return {"outcomes": "[]", "engine": "", "wrong": self._wrong}

    def _parsed(self, row: dict[str, Any]) -> str:
        items = unpacked(row["items"])
        chunk = f"chunk {items[0].number}"
        # A worker has died over this chunk: one picture after the other, to find out over which.
        outcomes = self._carefully(items) if self._attempts.begin(chunk) else self._quickly(items)
        with writing(self._plan.out):
            self._store.end_chunk()
        self._attempts.end(chunk)
        return json.dumps([asdict(outcome) for outcome in outcomes])

    def _quickly(self, items: Sequence[Item]) -> list[Outcome]:
        """Parse pictures, several at once on a GPU; the next ones are read meanwhile."""
        found = read_ahead(self._parser, lambda item: (item, self._read(item)), items, _read_of)
        outcomes = []
        for (item, read), finish in in_batches(self._parser, found, _read_of):
            outcomes.append(self._one(item, read, finish))
            del read, finish  # they hold a picture and its labels while the next one is begun
        return outcomes

    def _carefully(self, items: Sequence[Item]) -> list[Outcome]:
        """Parse pictures but those over which worker after worker has died."""
        outcomes = []
        for item in items:
            picture = f"picture {item.number}"
            if (deaths := self._attempts.begin(picture)) >= _DEATHS:
                reason = f"{item.file}: {deaths} workers died over it; it may need more memory than there is"
                outcomes.append(Outcome(item.number, "failed", reason))
                continue
            outcomes.append(self._one(item, self._read(item)))
            self._attempts.end(picture)
        return outcomes

    def _read(self, item: Item) -> _Read | Saved | str:
        """Read a picture, unless it is done already; why it cannot be read."""
        if item.problem is not None:
            return f"{item.file}: {item.problem}"
        try:
            facts = {"picture": _facts(item), **self._made_by}
            if not self._plan.again and (earlier := self._store.earlier(item, facts)):
                return earlier
            if item.kind == "file" and (path := Location(item.address).local) is not None:
                return _Read(self._parser.open(path, shown=self._shown), facts)
            picture = content(item)
        except UserError as error:
            return str(error).replace(item.address, item.file, 1)
        except OSError as error:
            return f"{item.file}: cannot be read ({error.strerror or error})"
        try:
            return _Read(self._parser.open(picture, shown=self._shown), facts)
        except UserError as error:
            return f"{item.file}: {error}"

    def _one(self, item: Item, read: _Read | Saved | str, finish: Later[Parse] | None = None) -> Outcome:
        self._done += 1
        if isinstance(read, str):
            return Outcome(item.number, "failed", read)
        if isinstance(read, Saved):
            return Outcome(item.number, "skipped", None, read.files, read.pixels, read.digest)
        try:
            with parsing(item.file):
                parse = self._parser.parse_read(read.read) if finish is None else finish()
        except LeftOutError as error:
            return Outcome(item.number, "failed", str(error))
        if self._plan.ignore_below is not None:
            parse = parse.ignoring_below(self._plan.ignore_below)
        if self._plan.legend != "auto":
            parse = replace(parse, legend_layout=self._plan.legend)
        try:
            with writing_parse(f"{self._plan.out}/{item.name}", item.file):
                saved = self._store.save(parse, item, read.facts)
        except LeftOutError as error:
            return Outcome(item.number, "failed", str(error))
        return Outcome(item.number, "parsed", None, saved.files, saved.pixels, saved.digest, parse.doubt, parse.remarks)


def _read_of(pair: tuple[Item, _Read | Saved | str]) -> PictureRead | None:
    return pair[1].read if isinstance(pair[1], _Read) else None


def _facts(item: Item) -> dict[str, Any]:
    """What differs for a changed picture."""
    if item.kind != "file":
        return {"file": item.file, "place": [item.start, item.length], "held_by": item.held_by}
    location = Location(item.address)
    if location.local is not None:
        return {**facts_of_file(location.local), "file": item.file}
    return {"file": item.file, **location.version()}
