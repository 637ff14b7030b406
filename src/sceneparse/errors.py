"""The one kind of error that is the user's to mend, and what its messages are made of."""


class UserError(Exception):
    """Bad input: a single line that says what is wrong, where, and what to do about it.

    The command line prints it without a traceback and exits with 2. Everything else that escapes is a fault of ours
    and exits with 1.
    """


class MissingSplitError(UserError):
    """A data set has no such split, or none of a mixture's has it.

    Whoever goes over the usual splits may pass over those that are missing.
    """


def require(holds: bool, message: str) -> None:
    """Raise a `UserError` with this message unless the condition holds."""
    if not holds:
        raise UserError(message)


def counted(count: int, word: str) -> str:
    """A number of things: "1 file", "20,210 files"."""
    return f"{count:,} {word}" + "s" * (count != 1)


def yaml_reason(error: Exception) -> str:
    """Return where a YAML text is wrong, and how, in a line: "line 2, column 1: expected ',' or ']'".

    Args:
        error: What the YAML reader raised; anything else is put into a line as it is.
    """
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or problem is None:
        return " ".join(str(error).split())
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"
