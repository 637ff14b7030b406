"""Whether a run folder holds a training already, or one is going on there: known before PyTorch is loaded."""

import difflib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from sceneparse.arguments import argument
from sceneparse.errors import UserError, some
from sceneparse.files import hold, is_held, make_folder, whole_file, write_errors
from sceneparse.weights.run_folder import CHECKPOINTS, METRICS, MODEL, RECIPE, last_iteration, runs_in

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
    if has_training(out):
        raise UserError(
            f"{out} already holds a training: go on with it ({argument('resume', True, option='--resume')}) or name "
            f"another folder ({argument('out', 'DIR')})"
        )


def begins_anew(out: Path) -> str:
    """Say in a line that a run folder has nothing to go on with, and what may have been meant; empty where it has.

    Args:
        out: The run folder, there or not.
    """
    if has_training(out):
        return ""
    if (out / RECIPE).is_file():
        return f"{out}: the training there was stopped before its first checkpoint, and begins anew"
    beside = [run.name for run in runs_in(out.parent) if run.parent == out.parent]
    near = difflib.get_close_matches(out.name, beside, n=2, cutoff=0.7)
    if near:
        hint = f"; did you mean {' or '.join(str(out.with_name(name)) for name in near)}?"
    else:
        hint = f"; beside it: {some([str(out.with_name(name)) for name in beside])}" if beside else ""
    return f"{out}: no run is there to go on with, so a new one begins{hint}"


def has_training(out: Path) -> bool:
    """Return whether a training has left a checkpoint or a model in a run folder."""
    return any((out / CHECKPOINTS).glob("last-[0-9]*.pt")) or (out / MODEL).exists()


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
def hold_run(out: Path, seen: int | None, of_start: Sequence[str] = ()) -> Iterator[None]:
    """Keep a run folder to this training as long as this lasts: another one is refused before it changes anything.

    A training that ends before it has written its recipe, such as one that is refused, leaves what it found.

    Args:
        out: The run folder, made if it isn't there.
        seen: The last iteration in its metrics.jsonl (`last_iteration`) when this training looked where it goes on.
        of_start: The files and folders in it that may be written before the recipe.

    Raises:
        UserError: Another training is going on there, or has been since then.
    """
    with _held(out) as made, _locked(out) if BY_LOCK else nullcontext():
        if last_iteration(out) != seen:
            raise UserError(f"{out}: another training has gone on there in the meantime: give the same command again")
        recipe, before = _written(out / RECIPE), {name: _content(out / name) for name in of_start}
        try:
            yield
        finally:
            if _written(out / RECIPE) == recipe:
                for name, content in before.items():
                    with suppress(OSError):
                        _put_back(out / name, content)
                with suppress(OSError):
                    _unmake(made)


def _written(path: Path) -> tuple[int, int] | None:
    """What changes whenever a file is replaced (`whole_file`); None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def _content(path: Path) -> bytes | set[str] | None:
    """A file's bytes, or the names in a folder; None where there is neither."""
    if path.is_dir():
        return {one.name for one in path.iterdir()}
    return path.read_bytes() if path.is_file() else None


def _put_back(path: Path, content: bytes | set[str] | None) -> None:
    """Bring a file or a folder to what `_content` found; of a folder what is new in it goes."""
    found = _content(path)
    if isinstance(found, set):
        for name in found - (content if isinstance(content, set) else set()):
            (path / name).unlink()
        if content is None:
            path.rmdir()
    elif isinstance(content, bytes) and content != found:
        with whole_file(path) as temporary:
            temporary.write_bytes(content)
    elif content is None:
        path.unlink(missing_ok=True)


def _unmake(made: Sequence[Path]) -> None:
    """Remove what `_held` made, as long as it is empty: the file, then the folders from the innermost on."""
    for path in made:
        if path.is_dir():
            path.rmdir()
        elif path.stat().st_size:
            return
        else:
            path.unlink()


@contextmanager
def _held(out: Path) -> Iterator[list[Path]]:
    """Open metrics.jsonl, and mark it as in use; yields what was made for it: the file, its folder, those around it."""
    path, held = out / METRICS, False
    while not held:
        made = [one for one in (path, *path.parents) if not one.exists()]
        make_folder(out)
        with write_errors(path):
            file = path.open("ab")
        with file:
            while hold(file) is False:
                refuse_going(out)  # returns where somebody has only asked
            # One that has just ended may have removed the file between the two.
            held = os.fstat(file.fileno()).st_nlink > 0
            if held:
                yield made


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
