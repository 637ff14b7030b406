"""Write files and folders that are either whole or absent."""

import ctypes
import errno
import json
import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from sceneparse.errors import NoRoomError, UnwritableError, UserError, reason_of
from sceneparse.unfinished import final_name, temporary_beside, tidy

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What the system says where a disk, a user's share of it or the largest file that a process may write is full."""


CACHE = "SCENEPARSE_CACHE"
"""The environment variable that names the folder of what can be made again."""

FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG}
"""What the system says where it would not let a file or folder of that name be made, however often it is tried."""


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn what the system says to a file or folder that it does not take into a line that names it and what to do.

    Args:
        path: What is written.

    Raises:
        NoRoomError: There is no room for it.
        UnwritableError: It may not be written there.
    """
    try:
        yield
    except UnwritableError:
        raise
    except OSError as error:
        if error.errno in NO_ROOM:
            raise no_room(path, reason_of(error), error.errno) from None
        if error.errno in FORBIDDEN and _concerns(path.absolute(), error.filename):
            kept = path.absolute().is_relative_to(cache_folder().absolute())
            way = f"set {CACHE} to a folder that can be" if kept else "name another place"
            wrong = UnwritableError(f"{path}: cannot be written ({reason_of(error)}); {way}")
            wrong.errno = error.errno
            raise wrong from None
        raise


def _concerns(path: Path, said: str | bytes | None) -> bool:
    """Return whether the file that an error names is a path, beside it (under a temporary name) or around it.

    Any other is one that whoever writes there was about to read.
    """
    if not said:
        return False
    other = Path(os.fsdecode(said)).absolute()
    return other.parent == path.parent or other in path.parents


def make_folder(path: Path) -> None:
    """Make a folder and those around it, unless it is there.

    Raises:
        NoRoomError: There is no room for it.
        UnwritableError: It may not be made there.
    """
    with write_errors(path):
        path.mkdir(parents=True, exist_ok=True)


def no_room(path: Path, reason: str, code: int | None = None) -> NoRoomError:
    """Return the error that a file could not be written for want of room.

    Args:
        path: The file, perhaps under its temporary name.
        reason: What the system said.
        code: The same as a number; None where it said nothing.
    """
    limit = "raise the limit on the size of a file (ulimit -f)"
    quota = "make room, or have your quota on that disk raised"
    ways = {errno.ENOSPC: "make room", errno.EDQUOT: quota, errno.EFBIG: limit}
    way, free = ways.get(code or 0, f"make room, or {limit}"), sized(free_bytes(path))
    return NoRoomError(f"{final_name(path)}: cannot be written ({reason}; {free} are free there): {way}, and try again")


def free_bytes(path: Path) -> int:
    """Return how much may be written on the disk of a path, which need not be there."""
    path = path.absolute()
    while not path.is_dir() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


def sized(count: int) -> str:
    """Return a number of bytes for people: "12.3 MiB"."""
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; on a clean exit it is flushed to disk and renamed to `path`.

    A reader sees the old file or the new one, never a part of it, even when the process is killed in between. What a
    killed process left under a temporary name goes when a later one writes into the folder, a week afterwards.
    The temporary name keeps the suffix, since many writers choose their format by it. Parent folders are made.
    A device or a pipe, such as /dev/stdout, stays: what is in the temporary file at the end is written into it. A link
    is replaced; `behind_link` says what it names.

    Raises:
        NoRoomError: There is no room for it.
        UnwritableError: It may not be written there.
    """
    path = Path(path)
    if not _is_special(path):
        with write_errors(path), _renamed_to(path) as temporary:
            yield temporary
        return
    with write_errors(path), TemporaryDirectory(prefix="sceneparse-") as folder:
        temporary = Path(folder) / f"whole{path.suffix}"
        yield temporary
        with temporary.open("rb") as source, path.open("ab") as target:
            shutil.copyfileobj(source, target)


def behind_link(path: Path) -> Path:
    """Return the file that a link names, for one that a user has named; any other path, /dev/stdout too, as it is."""
    return Path(os.path.realpath(path)) if path.is_symlink() and not _is_special(path) else path


def _is_special(path: Path) -> bool:
    """Whether a path is there and is a device, a pipe or a socket, or a name of an open file, such as /dev/stdout."""
    try:
        mode = path.stat().st_mode
        link = str(path.readlink()) if path.is_symlink() else ""
    except (OSError, ValueError):
        return False
    opened = any(name.startswith("/proc/") for name in (link, os.path.realpath(path.parent)))
    return opened or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextmanager
def _renamed_to(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path, path.suffix)
    # Made here with the permissions of a plain open(): tempfile's are private, and asking for the umask would change it
    # for the other threads that write at this moment.
    temporary.touch(exist_ok=False)
    try:
        tidy(temporary)
        yield temporary
        with temporary.open("r+b") as file:  # Windows flushes what may be written alone
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def refuse_unwritable_file(path: str | Path) -> None:
    """Refuse a file that `whole_file` could not write, before the work whose results it is to hold.

    Args:
        path: The file; neither it nor its folder need be there, and nothing stays that was not there.

    Raises:
        UserError: It is a folder, in what is no folder, or the system lets nothing be written there.
    """
    _refuse_unwritable(Path(path), Path(path), "name another file")


def refuse_unwritable_folder(folder: str | Path, name: str) -> None:
    """Refuse a folder that somebody named and in which a file of a name could not be written, likewise.

    Raises:
        UserError: It is a file, lies in what is no folder, or the system lets nothing be written there.
    """
    folder = Path(folder)
    if os.path.isfile(folder):  # noqa: PTH113 - Path's own question fails where a name is too long for any file
        raise UserError(f"{folder}: is a file; name a folder")
    _refuse_unwritable(folder / name, folder, "name another folder")


def _refuse_unwritable(path: Path, named: Path, way: str) -> None:
    folder = path.absolute().parent
    try:
        if path.is_dir():
            raise UserError(f"{path}: is a folder; name a file in it")
        path.exists()  # which complains of a name that is too long
        if _is_special(path):
            return
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        probe = folder / f".{secrets.token_hex(8)}.tmp"
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise UserError(f"{named}: cannot be written ({reason_of(error)}); {way}") from None


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all. NaN and infinity are refused: no other parser reads them."""
    write_text(path, json_text(value))


def json_text(value: Any) -> str:
    """Return `value` as `write_json` writes it."""
    return json_of(value, indent=2) + "\n"


_LONE = re.compile("[\ud800-\udfff]")


def json_of(value: Any, *, indent: int | None = None, separators: tuple[str, str] | None = None) -> str:
    r"""Return `value` as JSON that UTF-8 can hold, without a line's end. NaN and infinity are refused.

    A file's name that is no UTF-8 has lone surrogates in Python: escaped ("\udce9"), they come back as they were.
    """
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=False, allow_nan=False)
    return _LONE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def replace_folder(folder: Path, new: Path) -> None:
    """Put a folder in the place of another, whole: who opens it finds the old one or the new one.

    On Linux the two change places in one step. Where the file system cannot do that, the old one steps aside first
    (`aside_of`): killed in between, it is still there under that name.

    Args:
        folder: The folder, there or not.
        new: What takes its place, on the same disk; it is gone afterwards, and so is what was there.
    """
    if not folder.exists():
        new.rename(folder)
    elif _exchange(new, folder):
        shutil.rmtree(new, ignore_errors=True)
    else:
        aside = aside_of(folder)
        if aside.exists():
            shutil.rmtree(aside)
        folder.rename(aside)
        try:
            new.rename(folder)
        except BaseException:
            aside.rename(folder)
            raise
        shutil.rmtree(aside)


def aside_of(folder: Path) -> Path:
    """Return where a folder stands while it is replaced in two steps."""
    return folder.parent / f".{folder.name}.old"


def _exchange(one: Path, other: Path) -> bool:
    """Let two folders change places in one step; False where the system or the file system has no such step."""
    if sys.platform != "linux":
        return False
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:  # a C library without it
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    done: int = rename(here, os.fsencode(one), here, os.fsencode(other), exchange)
    return done == 0


def hold(file: IO[bytes]) -> bool | None:
    """Mark an open file as in use until it is closed or this process has ended, however it does.

    Returns:
        True; False where another process has marked it, or asks at this moment (`is_held`: try again); None where the
        system has no such marks.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def is_held(path: Path) -> bool | None:
    """Return whether a process has marked a file as in use (`hold`); None where the system cannot tell."""
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    except OSError:
        return None
    return False


def cache_folder() -> Path:
    """Return the folder for what can be made again: $SCENEPARSE_CACHE, or `sceneparse` in the user's cache folder."""
    if given := os.environ.get(CACHE):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sceneparse"


def make_room(folder: Path, keep: int, *, unused: float = 0.0) -> None:
    """Delete what has not been used for long of a folder of the cache; another process may do the same.

    Args:
        folder: Holds a folder for each thing that is kept, whose time of change says when it was used last.
        keep: So many that were used last stay.
        unused: Seconds since its last use before which none is deleted.
    """
    before = time.time() - unused
    used: dict[Path, float] = {}
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            used[path] = path.stat().st_mtime
    for path in sorted(used, key=used.__getitem__, reverse=True)[keep:]:
        if used[path] <= before:
            shutil.rmtree(path, ignore_errors=True)
