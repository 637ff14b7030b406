"""The one kind of error that is the user's to mend, and what its messages are made of."""


class UserError(Exception):
    """Bad input: a single line that says what is wrong, where, and what to do about it.

    The command line prints it without a traceback and exits with 2. Everything else that escapes is a fault of ours
    and exits with 1.
    """


def require(holds: bool, message: str) -> None:
    """Raise a `UserError` with this message unless the condition holds."""
    if not holds:
        raise UserError(message)


def counted(count: int, word: str) -> str:
    """A number of things: "1 file", "20,210 files"."""
    return f"{count:,} {word}" + "s" * (count != 1)
