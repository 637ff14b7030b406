"""Files on disks and in object stores alike, through fsspec."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from sceneparse.errors import UserError
from sceneparse.files import whole_file
from sceneparse.parsing.runs.collection.addresses import is_url
from sceneparse.paths import expanded
from sceneparse.pictures.finding import is_hidden


class Location:
    """A file or a folder, by its path or URL.

    Args:
        address: "photos/a.jpg" or "s3://bucket/photos/a.jpg".

    Raises:
        UserError: No such kind of address, or its package is not installed.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        with store_errors(address):
            self.fs, self.path = fsspec.core.url_to_fs(str(expanded(address)) if not is_url(address) else address)

    @classmethod
    def find(cls, source: str) -> "tuple[Location, list[str]]":
        """Find the files that an address, a folder's or a pattern's, leads to, in order.

        Returns:
            The folder (of a pattern the folders before the first wildcard) and the paths of the files below it; for a
            file itself and one empty path.

        Raises:
            UserError: Nothing is there, or it cannot be reached.
        """
        names = source.split("/")
        wild = [any(sign in name for sign in "*?[") for name in names]
        top = cls(source)
        with store_errors(source):
            if any(wild) and not top.fs.exists(top.path):  # names may hold these signs, too
                top = cls("/".join(names[: wild.index(True)]))
                paths = top.fs.glob("/".join([top.path.rstrip("/"), *names[wild.index(True) :]]))
                files = [str(path) for path in paths if not top.fs.isdir(path)]
            elif top.fs.isdir(top.path):
                files = [str(path) for path in top.fs.find(top.path)]
            elif top.fs.exists(top.path):
                return top, [""]
            else:
                raise UserError(f"{source}: no such file or folder")
        below = [path[len(top.path.rstrip("/")) + 1 :] for path in sorted(files)]
        visible = [path for path in below if not any(map(is_hidden, set(path.split("/")) - {".", ".."}))]
        return top, visible

    def __truediv__(self, below: str) -> "Location":
        """Return the location of a file or a folder below this folder."""
        other = Location.__new__(Location)
        other.fs = self.fs
        other.address, other.path = (f"{one.rstrip('/')}/{below}" for one in (self.address, self.path))
        return other

    def holds(self, other: "Location") -> bool:
        """Return whether a location lies below this folder, however the two are written."""
        return type(other.fs) is type(self.fs) and other.path.startswith(f"{self.path.rstrip('/')}/")

    @property
    def local(self) -> Path | None:
        """The path, if it is on a disk of this machine; else None."""
        return Path(self.path) if isinstance(self.fs, LocalFileSystem) else None

    def read(self, start: int | None = None, stop: int | None = None) -> bytes:
        """Return its content, or a piece of it."""
        return bytes(self.fs.cat_file(self.path, start, stop))

    def write(self, content: bytes) -> None:
        """Write a file, whole or not at all: renamed on a disk; an object store shows it when it is there.

        Raises:
            OSError: A disk refuses.
            UserError: A store refuses.
        """
        if (path := self.local) is not None:
            with whole_file(path) as temporary:
                temporary.write_bytes(content)
            return
        with store_errors(self.address):
            self.fs.pipe_file(self.path, content)

    def version(self) -> dict[str, Any]:
        """Return its size, and what changes with its content: time of change on a disk, else what the store says."""
        if (path := self.local) is not None:
            status = path.stat()
            return {"bytes": status.st_size, "modified_ns": status.st_mtime_ns}
        return {"bytes": self.fs.size(self.path), "version": str(self.fs.ukey(self.path))}


@contextmanager
def store_errors(address: str) -> Iterator[None]:
    """Turn whatever an object store's library raises into a line for the user."""
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{address}: no such file or folder") from None
    # Each store has exceptions of its own.
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UserError(f"{address}: cannot be reached ({reason})") from None
