"""Unpack untrusted archives: nothing is written outside the folder, no link is made, and a stopped run continues."""

import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from sceneparse.errors import UserError


@dataclass(frozen=True)
class Unpacked:
    """The result of unpacking an archive.

    Args:
        files: Files that it holds.
        links: Links and special files, which were left out.
    """

    files: int
    links: int


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    kind: str
    """file, folder or other."""
    open: Callable[[], IO[bytes] | None]


def unpack(archive: Path, folder: Path, advance: Callable[[int, int | None], None]) -> Unpacked:
    """Unpack a .zip, .tar or compressed .tar into a folder. Files that are there with the same size are kept.

    Args:
        archive: The archive.
        folder: Made if it isn't there.
        advance: Called with the bytes that are unpacked and the bytes of all files.

    Raises:
        UserError: Damaged, of another form, with a path that leads out of the folder (then nothing is written), larger
            than the disk has room for, or not to be written there.
    """
    try:
        sizes, links = [], 0
        for member in _members(archive):
            _refuse_outside(archive, member.name)
            sizes.append(member.size if member.kind == "file" else 0)
            links += member.kind == "other"
        total, done, files = sum(sizes), 0, 0
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_full_disk(folder, total)
        for member in _members(archive):
            target = folder / member.name
            if member.kind == "folder":
                target.mkdir(parents=True, exist_ok=True)
            elif member.kind == "file":
                _write(target, member)
                files += 1
                done += member.size
                advance(done, total)
    except _DAMAGE as error:
        raise _damaged(archive, error) from None
    except OSError as error:
        if error.errno is None:  # of gzip and bzip2, about what they read
            raise _damaged(archive, error) from None
        raise UserError(f"{archive}: cannot be unpacked into {folder} ({error})") from None
    return Unpacked(files, links)


_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
)


def _damaged(archive: Path, error: Exception) -> UserError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return UserError(f"{archive}: damaged, or no archive that can be unpacked ({reason}); fetch it again")


def _members(archive: Path) -> Iterator[_Member]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            for info in packed.infolist():
                link = (info.external_attr >> 28) == 0xA  # how Unix tools mark one
                kind = "other" if link else "folder" if info.is_dir() else "file"
                yield _Member(info.filename, info.file_size, kind, lambda info=info: packed.open(info))  # type: ignore[misc]
        return
    with tarfile.open(archive) as packed_tar:
        for entry in packed_tar:
            kind = "file" if entry.isfile() else "folder" if entry.isdir() else "other"
            yield _Member(entry.name, entry.size, kind, lambda entry=entry: packed_tar.extractfile(entry))  # type: ignore[misc]
        # A compressed file's checksum stands at its end, which nobody would read: the last member ends before it.
        while packed_tar.fileobj is not None and packed_tar.fileobj.read(1 << 20):
            pass


def _refuse_outside(archive: Path, name: str) -> None:
    path, windows = PurePosixPath(name), PureWindowsPath(name)
    if path.is_absolute() or windows.is_absolute() or windows.drive or ".." in (*path.parts, *windows.parts):
        raise UserError(f"{archive}: holds '{name}', which leads out of the folder; nothing was unpacked")


def _refuse_full_disk(folder: Path, wanted: int) -> None:
    free = shutil.disk_usage(folder).free
    if wanted > free:
        raise UserError(
            f"{folder}: {wanted / 1e9:.1f} GB are needed to unpack, but {free / 1e9:.1f} GB are free; make room"
        )


def _write(target: Path, member: _Member) -> None:
    if target.is_file() and target.stat().st_size == member.size:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # Not `whole_file`, which waits for the disk: a hundred thousand pictures would take an hour. An unpacking that was
    # stopped is done again, and what is whole has its size.
    temporary = target.with_name(f".{target.name[:100]}.tmp")
    source = member.open()
    assert source is not None
    with source, temporary.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    temporary.replace(target)
