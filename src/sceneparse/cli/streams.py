"""Standard output and error of a command: neither a reader that leaves nor a character that they lack ends its work."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from sceneparse.errors import reason_of
from sceneparse.files import NO_ROOM


@contextmanager
def patient_streams() -> Iterator[list[str]]:
    """Let a command go on to its end, and its own exit code, where nobody reads any more what it prints.

    Its reader leaves early where it is piped into `head`. Characters that the encoding of standard
    output lacks are printed as question marks.

    Yields:
        Why something that was printed could not be written, such as a full disk; empty where all was, or nobody reads.
    """
    before, lost = (sys.stdout, sys.stderr), list[str]()
    sys.stdout = _patient(sys.stdout, sys.__stdout__, "replace", lost)
    sys.stderr = _patient(sys.stderr, sys.__stderr__, "backslashreplace", lost)
    try:
        yield lost
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        sys.stdout, sys.stderr = before


def _patient(stream: Any, own: TextIO | None, errors: str, lost: list[str]) -> Any:
    """The stream, or one in its place; a stream that somebody else has put there is left alone."""
    if stream is None or stream is not own or not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.reconfigure(errors=errors)
    if stream.isatty():
        return stream
    stream.flush()
    raw = _Pipe(stream.fileno(), "w", closefd=False)
    raw.lost = lost
    # Python leaves out the buffer as well where it is asked to (PYTHONUNBUFFERED).
    through = stream.write_through
    return io.TextIOWrapper(
        raw if through else io.BufferedWriter(raw),
        stream.encoding,
        errors,
        line_buffering=stream.line_buffering,
        write_through=through,
    )


class _Pipe(io.FileIO):
    """A file descriptor that leads nowhere as soon as its reader has left, or its disk is full."""

    lost: list[str]

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno in NO_ROOM:
                self.lost.append(reason_of(error))
            elif not isinstance(error, BrokenPipeError):
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(data)
