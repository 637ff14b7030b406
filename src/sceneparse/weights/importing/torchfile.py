"""Read files that `torch.save` wrote, zipped or older, without running or trusting anything in them."""

import math
import mmap
import struct
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.weights.importing.pickles import Storage, TensorRecord, UnwantedNameError, read_pickle
from sceneparse.weights.importing.programs import program_among

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
"""What a file of torch before 1.6 begins with."""

SHARING = 4
"""Tensors may take this many times the file's size, since several can have the same numbers."""

ReadStorage = Callable[[Storage], Tensor]


@contextmanager
def open_torch(path: Path) -> Iterator[tuple[Any, ReadStorage, tuple[str, ...]]]:
    """Open a torch file: yield its content, what reads a storage's numbers, and names in it that weights don't need.

    Tensors in the content are `TensorRecord`, and what nothing was made of is `Inert`.

    Raises:
        UserError: Not a torch file, damaged, or one that wants to run something. Without the file's name.
    """
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            raise UserError("it is empty; copy it again")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield _open_zip(path) if content[:4] == b"PK\x03\x04" else _open_legacy(content)


def make_tensors(records: dict[str, TensorRecord], read: ReadStorage, size: int) -> dict[str, Tensor]:
    """Make the tensors of a file that is `size` bytes large.

    Raises:
        UserError: A tensor that has more numbers than the file holds for it. Without the file's name.
    """
    total = 0
    for name, record in records.items():
        count = math.prod(record.size)
        last = record.offset + sum((side - 1) * step for side, step in zip(record.size, record.stride, strict=True))
        if count == 0:
            raise UserError(f"'{name}' is empty")
        if last >= record.storage.numel or count > record.storage.numel:
            raise UserError(f"'{name}' claims {count:,} numbers, but the file holds {record.storage.numel:,} for it")
        total += count * record.storage.dtype.itemsize
    if total > SHARING * size:
        raise UserError(f"its tensors claim {total:,} bytes, but it has only {size:,}")
    # The storages that several share are read once; each tensor gets numbers of its own.
    storages: dict[tuple[str, int], Tensor] = {}
    tensors = {}
    for name, record in records.items():
        place = (record.storage.key, record.storage.start)
        if place not in storages:
            storages[place] = read(record.storage)
        flat = storages[place]
        if flat.dtype != record.storage.dtype or len(flat) != record.storage.numel:
            raise UserError(f"'{name}' has numbers that another tensor has in another form")
        tensors[name] = torch.as_strided(flat, record.size, record.stride, record.offset).contiguous()
    return tensors


def _open_zip(path: Path) -> tuple[Any, ReadStorage, tuple[str, ...]]:
    try:
        archive = zipfile.ZipFile(path)
        entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, struct.error, IndexError) as error:
        raise UserError(f"its archive is damaged or cut short ({error}); copy it again") from None
    names = {entry.filename for entry in entries}
    if len(names) != len(entries):
        raise UserError("its archive has two entries of one name")
    # Before what is said of its form: of a program, some entries are compressed.
    if program := program_among(names):
        raise UserError(program)
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise UserError("its archive is compressed, which torch.save never does; unpack it, or save it with torch.save")
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise UserError("its archive claims more bytes than it has")
    pickles = [name for name in names if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        raise UserError("it is an archive, but none that torch.save wrote (no data.pkl in it)")
    folder = pickles[0].removesuffix("data.pkl")

    def entry(name: str) -> bytes:
        try:
            return archive.read(folder + name)
        except (
            KeyError,
            zipfile.BadZipFile,
            OSError,
            EOFError,
            NotImplementedError,
            RuntimeError,
            ValueError,
        ) as error:
            reason = str(error).strip("'\"")
            raise UserError(f"its archive is damaged or cut short ({reason}); copy it again") from None

    if f"{folder}byteorder" in names and entry("byteorder") != b"little":
        raise UserError("its numbers are in big-endian order; save it on a little-endian machine")

    def read(storage: Storage) -> Tensor:
        return _numbers(entry(f"data/{storage.key}"), storage)

    found = read_pickle(BytesIO(entry("data.pkl")))
    return found.value, read, found.names


def _open_legacy(content: mmap.mmap) -> tuple[Any, ReadStorage, tuple[str, ...]]:
    known = "it is neither a file that torch.save wrote nor safetensors"
    try:
        if read_pickle(content).value != MAGIC or read_pickle(content).value != VERSION:
            raise UserError(known)
    except UnwantedNameError:
        # A pickle of another kind says what it wanted; what is no pickle at all says nothing of use.
        raise
    except UserError:
        raise UserError(known) from None
    system = read_pickle(content).value
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise UserError("its numbers are in big-endian order; save it on a little-endian machine")
    found = read_pickle(content)
    keys = read_pickle(content).value
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or len(set(keys)) != len(keys):
        raise UserError("its list of storages is damaged")
    sizes = _sizes(found.storages)
    starts: dict[str, int] = {}
    position = content.tell()
    for key in keys:
        if key not in sizes:
            raise UserError(f"its storage {key[:40]} belongs to no tensor")
        header = content[position : position + 8]
        numel, itemsize = sizes[key]
        if len(header) < 8 or struct.unpack("<q", header)[0] != numel:
            raise UserError("it is cut short or damaged; copy it again")
        starts[key] = position + 8
        position += 8 + numel * itemsize
        if position > len(content):
            raise UserError("it is cut short; copy it again")

    def read(storage: Storage) -> Tensor:
        if storage.key not in starts:
            raise UserError(f"its storage {storage.key[:40]} is missing")
        start, size = starts[storage.key], storage.whole * storage.dtype.itemsize
        return _numbers(content[start : start + size], storage)

    return found.value, read, found.names


def _sizes(storages: Sequence[Storage]) -> dict[str, tuple[int, int]]:
    """Return the elements of every storage that a pickle names, and bytes of each."""
    sizes: dict[str, tuple[int, int]] = {}
    for one in storages:
        size = (one.whole, one.dtype.itemsize)
        if sizes.setdefault(one.key, size) != size:
            raise UserError("it gives one storage two sizes")
    return sizes


def _numbers(data: bytes, storage: Storage) -> Tensor:
    if len(data) != storage.whole * storage.dtype.itemsize:
        raise UserError(f"its storage {storage.key[:40]} has {len(data):,} bytes, but claims {storage.whole:,} numbers")
    if storage.numel == 0:
        return torch.empty(0, dtype=storage.dtype)
    # A copy: a tensor over bytes that cannot be written to would be one that must not be written to.
    flat = torch.frombuffer(bytearray(data), dtype=storage.dtype)
    return flat[storage.start : storage.start + storage.numel]
