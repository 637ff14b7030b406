"""Whether a run folder holds a training already, or one is going on there: known before PyTorch is loaded."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.files import hold, is_held, make_folder, write_errors
from sceneparse.weights.run_folder import CHECKPOINTS, METRICS, MODEL, last_iteration

LOCK = ".lock"
"""In a run folder, where the system has no marks of files in use (`hold`): the file that a training locks instead."""

BY_LOCK = sys.platform == "win32"
"""Whether it is locked."""

PATIENCE = 2.0
"""Seconds in which the processes of a training that was killed are gone: until then they have its files open."""


def refuse_taken(out: Path) -> None:
    """Refuse to begin a training where there is one.

    Raises:
        UserError: There is one.
    """
    if any((out / CHECKPOINTS).glob("last-[0-9]*.pt")) or (out / MODEL).exists():
        raise UserError(
            f"{out} already holds a training: go on with it ({argument('resume', True, option='--resume')}) or name "
            f"another folder ({argument('out', 'DIR')})"
        )


def refuse_going(out: Path) -> None:
    """Refuse a run folder in which another process trains at this moment.

    Raises:
        UserError: One does.
    """
    end = time.monotonic() + PATIENCE
    while is_held(out / METRICS):
        if time.monotonic() > end:
            raise _going(out)
        time.sleep(PATIENCE / 40)


@contextmanager
def hold_run(out: Path, seen: int | None) -> Iterator[None]:
    """Keep a run folder to this training as long as this lasts: another one is refused before it changes anything.

    Args:
        out: The run folder, made if it isn't there.
        seen: The last iteration in its metrics.jsonl (`last_iteration`) when this training looked where it goes on.

    Raises:
        UserError: Another training is going on there, or has been since then.
    """
    new = not out.exists()
    with _held(out) as file, _locked(out) if BY_LOCK else nullcontext():
        if last_iteration(out) != seen:
            raise UserError(f"{out}: another training has gone on there in the meantime: give the same command again")
        try:
            yield
        finally:
            if new and list(out.iterdir()) == [out / METRICS] and os.fstat(file.fileno()).st_size == 0:
                with suppress(OSError):  # nothing was written: the folder goes as it came
                    (out / METRICS).unlink()
                    out.rmdir()


@contextmanager
def _held(out: Path) -> Iterator[IO[bytes]]:
    """Open metrics.jsonl, and mark it as in use."""
    path, held = out / METRICS, False
    while not held:
        make_folder(out)
        with write_errors(path):
            file = path.open("ab")
        with file:
            while hold(file) is False:
                refuse_going(out)  # returns where somebody has only asked
            # One that has just ended may have removed the file between the two.
            held = os.fstat(file.fileno()).st_nlink > 0
            if held:
                yield file


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(out / LOCK, timeout=PATIENCE)
    try:
        lock.acquire()
    except Timeout:
        raise _going(out) from None
    try:
        yield
    finally:
        lock.release()


def _going(out: Path) -> UserError:
    return UserError(
        f"{out}: a training is going on there: wait for its end, stop it, or name another folder "
        f"({argument('out', 'DIR')})"
    )
