"""What became of the inputs of a run, counted as it goes on and summed up at its end."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sceneparse.pictures.forms import LeftOut


@dataclass(frozen=True)
class Failure:
    """A picture, video or volume without a parse.

    Args:
        file: The file.
        reason: Why, in one line that names it.
    """

    file: str
    reason: str


@dataclass(frozen=True)
class Summary:
    """What became of pictures, videos or volumes.

    Args:
        done: Number of those that were parsed now.
        skipped: Number of those that an earlier run had parsed in the same way.
        failures: Those that could not be read or written.
        left_out: Files that lie beside them and are no inputs.
    """

    done: int
    skipped: int
    failures: tuple[Failure, ...]
    left_out: tuple[LeftOut, ...] = field(default=(), kw_only=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.describe()})"

    @property
    def failed(self) -> int:
        """Number of those that could not be read or written."""
        return len(self.failures)

    def describe(self) -> str:
        """Return the counts as text, such as "8 parsed, 1 failed"."""
        counts = {"parsed": self.done, "already done": self.skipped, "failed": self.failed}
        return ", ".join(f"{count} {what}" for what, count in counts.items() if count or what == "parsed")

    def to_json(self) -> dict[str, Any]:
        """Return the content of the summary's file."""
        return {
            "done": self.done,
            "skipped": self.skipped,
            "failed": self.failed,
            "failures": [{"file": failure.file, "reason": failure.reason} for failure in self.failures],
            **({"left_out": [one.to_json() for one in self.left_out]} if self.left_out else {}),
        }


@dataclass(frozen=True)
class StreamSummary(Summary):
    """What became of the pictures of a run.

    Args:
        shares: For each class that occurs, its share of all parsed pixels (skipped pictures' too), the largest first.
        seconds: Time that it took.
    """

    shares: dict[str, float]
    seconds: float

    def __repr__(self) -> str:
        most = ", ".join(f"{name} {share:.1%}" for name, share in [*self.shares.items()][:3])
        return f"StreamSummary({self.describe()} in {self.seconds:.1f} s{': ' if most else ''}{most})"

    def to_json(self) -> dict[str, Any]:
        """Return the content of summary.json."""
        shares = {name: round(share, 6) for name, share in self.shares.items()}
        return {**super().to_json(), "shares": shares, "seconds": round(self.seconds, 2)}


@dataclass
class Tally:
    """Counts the inputs of a run as they are parsed, skipped or left out, and the pixels of their classes."""

    done: int = 0
    skipped: int = 0
    failures: list[Failure] = field(default_factory=list)
    pixels: Counter[str] = field(default_factory=Counter)
    left_out: list[LeftOut] = field(default_factory=list)

    def parsed(self, pixels: Mapping[str, int] | None = None) -> None:
        """Count an input that was parsed now."""
        self.done += 1
        self.pixels.update(pixels or {})

    def skip(self, pixels: Mapping[str, int] | None = None) -> None:
        """Count an input that an earlier run had parsed."""
        self.skipped += 1
        self.pixels.update(pixels or {})

    def fail(self, failure: Failure) -> None:
        """Count an input that gets no parse."""
        self.failures.append(failure)

    def summary(self) -> Summary:
        """Return what became of videos or volumes."""
        return Summary(self.done, self.skipped, tuple(self.failures), left_out=tuple(self.left_out))

    def stream_summary(self, seconds: float) -> StreamSummary:
        """Return what became of pictures, with the classes' shares.

        Args:
            seconds: Time that it took.
        """
        total = self.pixels.total()
        shares = {name: pixels / total for name, pixels in self.pixels.most_common()}
        left_out = tuple(self.left_out)
        return StreamSummary(self.done, self.skipped, tuple(self.failures), shares, seconds, left_out=left_out)
