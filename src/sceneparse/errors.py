"""The one kind of error that is the user's to mend, and what its messages are made of."""

import re
from collections.abc import Sequence
from json import JSONDecodeError


class UserError(Exception):
    """Bad input: a single line that says what is wrong, where, and what to do about it.

    The command line prints it without a traceback and exits with 2. Everything else that escapes is a fault of ours
    and exits with 1.
    """


class MissingSplitError(UserError):
    """A data set has no such split, or none of a mixture's has it.

    Whoever goes over the usual splits may pass over those that are missing.

    Args:
        message: The line, as far as it is about what is there.
        advice: Its end, which helps a training.
    """

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(f"{message}{advice}")
        self.what = message


class OtherKindError(UserError):
    """A data set's folder has the look of another kind than the one that it is read as.

    Args:
        message: The line.
        kind: The other kind.
        looks: What speaks for it, as a sentence's beginning: "my-data looks like kind coco (…)".
    """

    def __init__(self, message: str, kind: str, looks: str) -> None:
        super().__init__(message)
        self.kind, self.looks = kind, looks


class WrongLayoutError(UserError):
    """A data set's folder has not the layout of its kind."""


class NothingToScoreError(UserError):
    """All pictures were tested, and no pixel of them has a known class."""


class MissingPackageError(UserError):
    """A package that the data need is not installed: none of their files is at fault."""


class UnannotatedError(UserError):
    """A split is there, but nothing in it is annotated, as often of the pictures to test on."""


class UnwritableError(UserError, OSError):
    """The system did not let a file be written.

    An `OSError` too: who can do without the file goes on, as after any other fault of the system.
    """


class NoRoomError(UnwritableError):
    """A file could not be written for want of room."""


def require(holds: bool, message: str) -> None:
    """Raise a `UserError` with this message unless the condition holds."""
    if not holds:
        raise UserError(message)


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a number of things in words: "1 file", "20,210 files".

    Args:
        count: How many there are.
        one: What one is called.
        many: What several are called; by default with an s at the end.
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def reason_of(error: Exception) -> str:
    """Return in a line what an error says: of a named file the reason alone, of YAML and JSON line and column.

    Args:
        error: Such as "No such file or directory" or "line 2, column 1: expected ',' or ']'" is made of.
    """
    if isinstance(error, JSONDecodeError):
        line, column, what = json_fault(error)
        return f"line {line}, column {column}: {what}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or problem is None:
        return " ".join(str(error).split()) or type(error).__name__
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


def json_fault(error: JSONDecodeError) -> tuple[int, int, str]:
    """Return where a text is not JSON, as line and column from 1, and why not.

    A comma after the last entry, which many editors and languages allow, is named for what it is, at its own place.
    """
    text, comma = error.doc, error.doc.rfind(",", 0, error.pos + 1)
    trailing = re.compile(r",\s*[\]}]").match(text, comma) if comma >= 0 else None
    if trailing is None or trailing.end() <= error.pos:
        return error.lineno, error.colno, error.msg
    line, column = text.count("\n", 0, comma) + 1, comma - text.rfind("\n", 0, comma)
    return line, column, "trailing comma: take away the comma after the last entry"


def some(names: Sequence[str], count: int = 3) -> str:
    """Return the first of some names for a message: "road, car, tree, …", the dots only where there are more."""
    return ", ".join(names[:count]) + (", …" if len(names) > count else "")
