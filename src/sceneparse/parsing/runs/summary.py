"""What became of the inputs of a run."""

from dataclasses import dataclass
from typing import Any


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
        done: Those that were parsed now.
        skipped: Those that an earlier run had parsed in the same way.
        failures: Those that could not be read or written.
    """

    done: int
    skipped: int
    failures: tuple[Failure, ...]

    @property
    def failed(self) -> int:
        """Number of those that could not be read or written."""
        return len(self.failures)

    @property
    def told(self) -> str:
        """In words, such as "8 parsed, 1 failed"."""
        counts = {"parsed": self.done, "already done": self.skipped, "failed": self.failed}
        return ", ".join(f"{count} {what}" for what, count in counts.items() if count or what == "parsed")

    def to_json(self) -> dict[str, Any]:
        """The content of the file that tells it."""
        return {
            "done": self.done,
            "skipped": self.skipped,
            "failed": self.failed,
            "failures": [{"file": failure.file, "reason": failure.reason} for failure in self.failures],
        }
