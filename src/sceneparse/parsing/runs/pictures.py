"""Any number of pictures into a folder: read ahead, parsed, written behind, in flat memory; a second run goes on."""

import time
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.files import write_json
from sceneparse.parsing.artefacts import (
    ONLY_THIS_PICTURE,
    cannot_write,
    earlier_parse,
    facts_of_file,
    files_of,
    kinds_wanted,
    made_by,
    stem_of,
)
from sceneparse.parsing.parse import Parse
from sceneparse.parsing.parser import Parser, ahead
from sceneparse.parsing.picture_inputs import Inputs
from sceneparse.parsing.runs.progress import counting_progress
from sceneparse.parsing.runs.summary import Failure, Summary
from sceneparse.pictures.finding import FoundPicture

_READERS, _READ_AHEAD = 2, 4
_WRITERS, _WRITE_BEHIND = 2, 4
_WAITING_PIXELS = 32_000_000
"""Parses that wait to be written hold at most so many pixels (about 10 bytes each), or are only one."""


@dataclass(frozen=True)
class StreamSummary(Summary):
    """What became of the pictures.

    Args:
        shares: For each class that occurs, its part of all parsed pixels (skipped pictures' too), the largest first.
        seconds: Time that it took.
    """

    shares: dict[str, float]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The content of summary.json."""
        shares = {name: round(share, 6) for name, share in self.shares.items()}
        return {**super().to_json(), "shares": shares, "seconds": round(self.seconds, 2)}


def predict_pictures(
    parser: Parser,
    inputs: Sequence[str | Path],
    out: Path,
    *,
    overlay: bool = True,
    again: bool = False,
    progress: bool = True,
) -> StreamSummary:
    """Parse files, folders and patterns into a folder that mirrors their tree.

    Each picture gives OUT/NAME.png (label map), OUT/NAME_overlay.jpg and, last, OUT/NAME.json; at the end comes
    OUT/summary.json. A picture that cannot be read is named on stderr, counted and left out. A picture is skipped if
    all its files are there and come from the same picture (by its size and time of change), model and protocol. A run
    that is stopped leaves whole files only. Memory doesn't grow with the number of pictures.

    Args:
        parser: The model.
        inputs: Files, folders and patterns, as `find_pictures` takes them. What a folder or a pattern holds inside
            `out` are outputs and no pictures.
        out: The output folder; made if it isn't there.
        overlay: Whether to draw overlays.
        again: Also parse what is already done.
        progress: Show progress and a closing line on stderr.

    Raises:
        UserError: No pictures, folders of pictures inside the output folder, or the outputs cannot be written.
    """
    start = time.perf_counter()
    out = Path(out)
    pictures = Inputs(inputs, out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(out, error) from None
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    tally = _Tally(console)
    if progress:
        console.print(f"engine: {parser.engine.describe()}", markup=False)
    look = _Look(parser, made_by(parser), pictures, out, overlay=overlay, again=again)
    with (
        counting_progress(console, "Parsing", pictures, shown=progress) as advance,
        _WriteBehind(out, overlay, tally) as writer,
    ):
        for future in ahead(look, pictures, threads=_READERS, limit=_READ_AHEAD):
            match future.result():
                case Failure() as failure:
                    tally.fail(failure)
                case _Done(pixels):
                    tally.skipped += 1
                    tally.pixels.update(pixels)
                case _Read(found, image, facts):
                    try:
                        parse = parser.parse(image)
                    except UserError as error:  # such as too small for its engine
                        tally.fail(Failure(str(found.path), f"{found.path}: {error}"))
                    else:
                        writer.put(parse, found, facts)
            advance()
    summary = tally.summary(time.perf_counter() - start)
    if not (summary.done or summary.skipped or summary.failed):
        raise UserError(f"no pictures but those in the output folder {out}")
    try:
        write_json(out / "summary.json", summary.to_json())
    except OSError as error:
        raise cannot_write(out / "summary.json", error) from None
    if progress:
        console.print(f"{summary.told}; see {out / 'summary.json'}", markup=False)
    return summary


@dataclass(frozen=True)
class _Read:
    """A picture that is to be parsed, and what its JSON shall say about where it comes from."""

    found: FoundPicture
    image: Tensor
    facts: dict[str, Any]


@dataclass(frozen=True)
class _Done:
    """A picture that was parsed before: its classes' pixels."""

    pixels: dict[str, int]


@dataclass(frozen=True)
class _Look:
    """Reads a picture, unless it is done already; runs in the readers' threads."""

    parser: Parser
    made_by: dict[str, Any]
    pictures: Inputs
    out: Path
    overlay: bool = field(kw_only=True)
    again: bool = field(kw_only=True)

    def __call__(self, found: FoundPicture) -> _Read | _Done | Failure:
        try:
            if victim := self.pictures.overwritten_by([self.out / name for name in files_of(found.name)]):
                raise UserError(f"{found.path}: its parse would overwrite the picture {victim}; choose another folder")
            facts = {"picture": facts_of_file(found.path), **self.made_by}
            if not self.again and (done := self._earlier(found, facts)):
                return done
            return _Read(found, self.parser.read(found.path), facts)
        except UserError as error:
            return Failure(str(found.path), str(error))
        except OSError as error:
            return Failure(str(found.path), f"{found.path}: cannot be read ({error.strerror})")

    def _earlier(self, found: FoundPicture, facts: dict[str, Any]) -> _Done | None:
        """What an earlier run left, if it is whole and of the same picture, model and protocol."""
        mark = self.out / f"{stem_of(found.name)}.json"
        try:
            said = mark.read_text(encoding="utf-8")
        except (OSError, ValueError):  # none there, or no text
            return None
        earlier = earlier_parse(said, facts, kinds_wanted(self.parser, overlay=self.overlay))
        if earlier is None or not all(mark.with_name(file).is_file() for file in earlier.files.values()):
            return None
        return _Done(earlier.pixels)


class _Tally:
    """Counts, as they come."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.done = self.skipped = 0
        self.failures: list[Failure] = []
        self.pixels: Counter[str] = Counter()

    def fail(self, failure: Failure) -> None:
        self.failures.append(failure)
        self.console.print(f"left out: {failure.reason}", markup=False)

    def summary(self, seconds: float) -> StreamSummary:
        total = self.pixels.total()
        shares = {name: pixels / total for name, pixels in self.pixels.most_common()}
        return StreamSummary(self.done, self.skipped, tuple(self.failures), shares, seconds)


class _WriteBehind:
    """Draws, encodes and writes parses in threads; whoever puts in more than a few waits.

    Leaving it waits for all to be written; leaving it by an exception only for those that have begun.
    """

    def __init__(self, out: Path, overlay: bool, tally: _Tally) -> None:
        self._out, self._overlay, self._tally = out, overlay, tally
        self._pool = ThreadPoolExecutor(_WRITERS, thread_name_prefix="sceneparse-write")
        self._waiting: deque[tuple[FoundPicture, int, Future[dict[str, int]]]] = deque()

    def put(self, parse: Parse, found: FoundPicture, facts: dict[str, Any]) -> None:
        size = parse.labels.size
        while self._waiting and (
            len(self._waiting) >= _WRITE_BEHIND or size + sum(waiting[1] for waiting in self._waiting) > _WAITING_PIXELS
        ):
            self._settle()
        self._waiting.append((found, size, self._pool.submit(self._write, parse, found, facts)))

    def _write(self, parse: Parse, found: FoundPicture, facts: dict[str, Any]) -> dict[str, int]:
        parse.save(self._out, stem_of(found.name), overlay=self._overlay, facts=facts)
        return {entry.name: entry.pixels for entry in parse.legend}

    def _settle(self) -> None:
        """Wait for the oldest and count it."""
        found, _, future = self._waiting.popleft()
        try:
            self._tally.pixels.update(future.result())
            self._tally.done += 1
        except OSError as error:
            wrong = cannot_write(self._out / f"{stem_of(found.name)}.png", error)
            if error.errno not in ONLY_THIS_PICTURE:
                raise wrong from None
            self._tally.fail(Failure(str(found.path), f"{found.path}: {wrong}"))

    def __enter__(self) -> "_WriteBehind":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            while self._waiting and error is None:
                self._settle()
        finally:
            self._pool.shutdown(cancel_futures=True)
