"""What can be wrong with a picture file, and the error that says it in one clear line."""

from pathlib import Path
from typing import Literal

from sceneparse.errors import UserError

Problem = Literal[
    "missing",
    "unreadable",
    "too-large",
    "form",
    "package",
    "size",
    "turned",
    "georeference",
    "jpeg-mask",
    "mask-is-rgb",
    "mask-is-index",
    "mask-pages",
    "mask-clear",
    "mask-bits",
    "values",
]
"""What can be wrong with a file; the doctor groups by it."""


class PictureError(UserError):
    """A picture or mask that cannot be used. The message begins with the file's name.

    Args:
        message: One line: what, where, what to do.
        problem: Its kind.
    """

    # One required argument: loader processes send exceptions by type and message.
    def __init__(self, message: str, problem: Problem = "unreadable") -> None:
        super().__init__(message)
        self.problem: Problem = problem


def described(source: Path | bytes) -> str:
    """Return how messages name a source: its path, or the number of its bytes."""
    return f"picture of {len(source):,} bytes" if isinstance(source, bytes) else str(source)
