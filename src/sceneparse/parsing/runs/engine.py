"""What all runs do alike: skip what is done, name and count what is left out, go on, and sum up at the end."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from rich.console import Console

from sceneparse.errors import UnwritableError, UserError
from sceneparse.files import make_folder, write_json
from sceneparse.parsing.parser import Parser
from sceneparse.parsing.remarks import Remark
from sceneparse.parsing.runs.earlier import refuse_foreign_summary
from sceneparse.parsing.runs.faults import enough_memory, writing, writing_parse
from sceneparse.parsing.runs.summaries import SUMMARIES, Kind
from sceneparse.parsing.runs.tally import Failure, Summary, Tally
from sceneparse.pictures.forms import LeftOut

Source = TypeVar("Source", bound="Named", contravariant=True)


class Run:
    """A run into an output folder: what it says on stderr, its tally, and its summary.

    Args:
        out: The output folder; made if it isn't there. None for a folder in an object store.
        kind: Of what kind its inputs are.
        progress: Whether to say more than what is left out.

    Attributes:
        console: Where lines and progress are shown.
        tally: What became of the inputs so far.

    Raises:
        UserError: The folder cannot be made, or where the summary goes lies something that no run has written.
    """

    def __init__(self, out: Path | None, kind: Kind = "picture", *, progress: bool) -> None:
        self._kind = kind
        self._summary = None if out is None else out / SUMMARIES[kind]
        self.progress = progress
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.tally = Tally()
        self._said = set[str]()
        self._parser: Parser | None = None
        self._engines: list[str] = []
        if out is not None and self._summary is not None:
            make_folder(out)
            refuse_foreign_summary(self._summary)

    def say(self, line: str) -> None:
        """Show a line, if progress is wanted."""
        if self.progress:
            self.console.print(line, markup=False)

    def say_engine(self, parser: Parser) -> None:
        """Show once what gives the scores, if progress is wanted; the summary has it with the reason in any case.

        The summary has it as it is at the end: it may have been compiled in the meantime.
        """
        if self._parser is None:
            self._parser = parser
            self.say(f"engine: {parser.engine.describe()}")

    def engine_elsewhere(self, described: str) -> None:
        """Note an engine that another process has parsed with, for the summary."""
        if described not in self._engines:
            self._engines.append(described)

    def say_confidence(self, parser: Parser) -> None:
        """Say by which probabilities pixels are ignored, where these are not the calibrated ones."""
        if parser.protocol.crf and parser.config.temperatures.known:
            self.warn("the dense CRF's probabilities are its own: the model's temperatures don't act on them")

    def warn(self, text: str) -> None:
        """Say what a person must know of an input that is parsed."""
        self.console.print(f"warning: {text}", markup=False)

    def doubt(self, shown: str, doubt: str | None) -> None:
        """Say why an input's answer may be worse than the model's figures; of one input alone, since others are alike.

        Args:
            shown: What messages call the input.
            doubt: As of a `Parse`.
        """
        if doubt is not None and "size" not in self._said:
            self._said.add("size")
            self.warn(f"{shown}: {doubt} (of further pictures their JSON says this)")

    def remark(self, shown: str, remarks: Iterable[Remark]) -> None:
        """Say what is to be said of how an input was read: of pages each time, of the rest once.

        Args:
            shown: What messages call the input.
            remarks: As of a `Parse`.
        """
        for about, text in remarks:
            if about != "further" and about in self._said:
                continue
            self._said.add(about)
            if about in ("range", "turned"):
                self.warn(f"{shown}: {text} (of further pictures their JSON says this)")
            elif about == "order":
                self.say(f"{shown}: {text}")
            else:
                self.warn(f"{shown}: {text}")

    def leave_out(self, failure: Failure) -> None:
        """Count an input that gets no parse, and name it at once."""
        self.tally.fail(failure)
        self.console.print(f"left out: {failure.reason}", markup=False)

    def leave_out_files(self, found: Iterable[LeftOut]) -> None:
        """Say which files lie beside the inputs and are none, for the summary too."""
        for one in found:
            if one.count:
                self.tally.left_out.append(one)
                self.console.print(str(one), markup=False)

    def described(self, summary: Summary) -> dict[str, Any]:
        """Return the content of the summary's file: what became of the inputs, and which engine parsed those of now."""
        # What an earlier run has done may be another engine's: where all is, none is named.
        parser = self._parser if summary.done else None
        return {**summary.to_json(), **({} if parser is None else {"engine": self._engine(parser)})}

    def _engine(self, parser: Parser) -> dict[str, str]:
        used = "; ".join(self._engines) or parser.engine.describe()
        return {"used": used, **({"why": parser.why_engine} if parser.why_engine else {})}

    def close(self, summary: Summary) -> None:
        """Write the summary into the output folder, and say what became of the inputs.

        Args:
            summary: What became of them.

        Raises:
            UserError: It cannot be written.
        """
        assert self._summary is not None, "a store has its own"
        with writing(self._summary):
            write_json(self._summary, self.described(summary))
        what = "" if self._kind == "picture" else f"{self._kind}s: "
        self.say(f"{what}{summary.describe()}; see {self._summary}")


class Named(Protocol):
    """An input: a video, a volume or a raster."""

    @property
    def shown(self) -> str:
        """What messages and the summary call it."""
        ...


class Job(Protocol):
    """The parse of one video, volume or raster."""

    def is_done(self) -> bool:
        """Return whether an earlier run left it whole."""
        ...

    def run(self) -> Iterable[str]:
        """Parse it and write everything; return what is to be said of it."""
        ...


def run_jobs(
    run: Run,
    parser: Parser,
    sources: Iterable[Source],
    job_of: Callable[[Source], Job],
    *,
    out: Path,
    again: bool,
) -> None:
    """Parse one video, volume or raster after the other; one at fault is left out, the others may be parsed.

    Args:
        run: The run that counts them.
        parser: What parses them, which is said once there is something to parse.
        sources: The inputs.
        job_of: Makes an input's job; may raise like the job itself.
        out: The output folder, for messages.
        again: Also parse what an earlier run has done.

    Raises:
        UserError: The outputs cannot be written, nor could the next one's.
    """
    for source in sources:
        try:
            with writing_parse(out, source.shown), enough_memory(source.shown):
                job = job_of(source)
                if not again and job.is_done():
                    run.tally.skip()
                    continue
                run.say_engine(parser)
                lines = job.run()
        except UnwritableError:
            raise
        except UserError as error:
            run.leave_out(Failure(source.shown, str(error)))
        else:
            run.tally.parsed()
            for line in lines:
                run.say(line)


def all_done(sources: Iterable[Source], job_of: Callable[[Source], Job]) -> bool:
    """Return whether an earlier run left all inputs whole, so that none would be parsed.

    Args:
        sources: The inputs.
        job_of: Makes an input's job.
    """
    try:
        return all(job_of(source).is_done() for source in sources)
    except (UserError, OSError):  # which is said of the input when it is its turn
        return False
