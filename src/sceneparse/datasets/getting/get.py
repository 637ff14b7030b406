"""`sceneparse data get` as a function: download a data set's archives, verify and unpack them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Console

from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.getting.unpacking import unpack
from sceneparse.downloading import ChecksumError, download_bar, fetch, read_record
from sceneparse.errors import UnwritableError, UserError, counted
from sceneparse.files import make_folder, write_json

RECORD = "fetched.json"
"""What was fetched into a folder: addresses, sizes, checksums."""


def get_dataset(kind: str, entry: Entry, out: Path, *, keep: bool = False, progress: bool = True) -> dict[str, Any]:
    """Download and unpack a data set; a second call continues where an earlier one stopped.

    Args:
        kind: Its kind.
        entry: What is known of it.
        out: Its folder, made if it isn't there; archives lie in its subfolder `archives` until they are unpacked.
        keep: Leave the archives there.
        progress: Show progress on standard error, and what was done.

    Returns:
        What `fetched.json` in its folder says.

    Raises:
        UserError: It has to be fetched by hand (the message says where), another process is fetching into the folder,
            or an archive cannot be fetched or unpacked.
    """
    if not entry.downloads:
        page = f"; its page: {entry.page}" if entry.page else ""
        raise UserError(f"{kind} is not fetched for you: {entry.by_hand}{page}")
    console = Console(stderr=True, highlight=False, soft_wrap=True, quiet=not progress)
    console.print(f"{entry.title}: {entry.licence}; {entry.page}", markup=False)
    make_folder(out)
    with _alone(out):
        return _get(entry, out, console, keep=keep, progress=progress)


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Keep the folder to this process."""
    file = out / ".lock"
    lock = FileLock(file, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(
            f"{out}: another process is fetching into it: wait for its end, or name another folder"
        ) from None
    try:
        yield
    finally:
        with suppress(OSError):  # before it is free: who has it open by now doesn't get it
            file.unlink()
        lock.release()


def _get(entry: Entry, out: Path, console: Console, *, keep: bool, progress: bool) -> dict[str, Any]:
    record = read_record(out / RECORD)
    for download in entry.downloads:
        archive = out / "archives" / download.file
        done = record.get(download.file, {})
        if done.get("url") == download.url and "files" in done:
            console.print(f"{download.file}: already there, as {out / RECORD} says", markup=False)
            continue
        try:
            with download_bar(progress, f"fetching {download.file}") as advance:
                fetched = fetch(download.url, archive, download.checksum, advance)
        except (ChecksumError, UnwritableError):
            raise
        except UserError as error:
            raise UserError(
                f"{error}; fetched elsewhere, put it there as {archive} and give this command again"
            ) from None
        if fetched.compared:
            console.print(
                f"{download.file}: {fetched.bytes:,} bytes, {download.checksum} as it should be", markup=False
            )
        else:
            console.print(
                f"{download.file}: {fetched.bytes:,} bytes, sha256 {fetched.sha256}; no checksum of its owner is known "
                "to compare it with",
                markup=False,
            )
        with download_bar(progress, f"unpacking {download.file}") as advance:
            unpacked = unpack(archive, out / download.into, advance)
        left = f", {counted(unpacked.links, 'link')} left out" if unpacked.links else ""
        console.print(f"{download.file}: {counted(unpacked.files, 'file')} unpacked{left}", markup=False)
        record[download.file] = {
            "url": download.url,
            "bytes": fetched.bytes,
            "sha256": fetched.sha256,
            "compared_with": download.checksum,
            "unpacked_into": download.into or ".",
            "files": unpacked.files,
            "links_left_out": unpacked.links,
        }
        write_json(out / RECORD, record)
        if not keep:
            archive.unlink()
    if not keep and (out / "archives").is_dir() and not any((out / "archives").iterdir()):
        (out / "archives").rmdir()
    return record
