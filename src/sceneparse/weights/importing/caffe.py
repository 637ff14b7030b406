"""Read the weights of a `.caffemodel`: a network in protocol buffers (caffe.proto of BVLC/caffe).

Only the few fields that weights are kept in are read, straight from the wire format: a message is a row of fields, each
a number (its tag, which says field and kind) and a value. Every length is checked against what is left of the message
that it stands in, so what is allocated is never more than the file holds.
"""

import mmap
from collections.abc import Iterator
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sceneparse.errors import UserError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Kinds of values on the wire."""

LAYER, V1_LAYER = 100, 2
"""Fields of NetParameter: its layers, and those of files from before 2015."""

NAME_AND_BLOBS = {LAYER: (1, 7), V1_LAYER: (4, 6)}
"""Fields of a layer: its name and its blobs."""

LEGACY_SIDES, DATA, SHAPE, DOUBLES = (1, 2, 3, 4), 5, 7, 8
"""Fields of BlobProto: num, channels, height and width; values; shape; values in double precision."""

SIZES = {DATA: 4, DOUBLES: 8}
"""Bytes of a value."""

DIM = 1
"""Field of BlobShape."""

MOST_DIMS, MOST_BLOBS, MOST_FIELDS = 32, 64, 1_000_000
"""More than any network has: of a blob, of a layer and of a message."""


def read_caffemodel(path: str | Path) -> dict[str, Tensor]:
    """Read every layer's blobs as float32, by "layer name.number of the blob".

    Raises:
        UserError: No such file, one that is damaged, or that holds no weights.
    """
    try:
        with Path(path).open("rb") as file:
            # Closed when nothing refers to it any more.
            tensors = _network(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
    except (OSError, ValueError, OverflowError) as error:
        raise UserError(f"{path}: not a readable .caffemodel ({error}); fetch it again") from None
    if not tensors:
        raise UserError(f"{path}: no layer in it has weights; a .caffemodel is needed, not a .prototxt")
    return tensors


def _network(view: memoryview) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for field, value in _fields(view):
        if field not in NAME_AND_BLOBS or not isinstance(value, memoryview):
            continue
        name, blobs = _layer(value, *NAME_AND_BLOBS[field])
        for number, blob in enumerate(blobs):
            key = f"{name}.{number}"
            if key in tensors:
                raise ValueError(f"layer '{name}' stands in it twice")
            tensors[key] = blob
    return tensors


def _layer(view: memoryview, name_field: int, blob_field: int) -> tuple[str, list[Tensor]]:
    name = ""
    blobs: list[Tensor] = []
    for field, value in _fields(view):
        if not isinstance(value, memoryview):
            continue
        if field == name_field:
            name = _text(value)
        elif field == blob_field:
            if len(blobs) == MOST_BLOBS:
                raise ValueError(f"layer '{name}' has more than {MOST_BLOBS} blobs")
            blobs.append(_blob(value))
    return name, blobs


def _text(view: memoryview) -> str:
    try:
        return bytes(view[:1000]).decode()
    except UnicodeDecodeError:
        raise ValueError("a layer's name is not text") from None


def _blob(view: memoryview) -> Tensor:
    """Return values in the shape that the file gives; a copy, so that nothing of the file stays open."""
    shape: list[int] | None = None
    legacy: dict[int, int] = {}
    rows = {DATA: bytearray(), DOUBLES: bytearray()}
    for field, value in _fields(view):
        if field in LEGACY_SIDES and isinstance(value, int):
            legacy[field] = value
        elif field == SHAPE and isinstance(value, memoryview):
            shape = _shape(value)
        elif field in rows:
            # A packed row, or a single value, which is how they are written where they are not packed.
            rows[field] += value if isinstance(value, memoryview) else value.to_bytes(SIZES[field], "little")
    if all(rows.values()) or not any(rows.values()):
        raise ValueError("a blob holds no values, or some in single and some in double precision")
    field, row = next((field, row) for field, row in rows.items() if row)
    count, rest = divmod(len(row), SIZES[field])
    sides = shape if shape is not None else [legacy.get(side, 1) for side in LEGACY_SIDES if legacy]
    if rest or prod(sides) != count:
        raise ValueError(f"a blob of shape {sides} holds {len(row)} bytes")
    values = np.frombuffer(row, np.dtype(f"<f{SIZES[field]}")).astype(np.float32, copy=False)
    return torch.from_numpy(values.reshape(sides))


def _shape(view: memoryview) -> list[int]:
    dims: list[int] = []
    for field, value in _fields(view):
        if field != DIM:
            continue
        if isinstance(value, int):
            dims.append(value)
        else:
            place = 0
            while place < len(value) and len(dims) <= MOST_DIMS:
                dim, place = _varint(value, place)
                dims.append(dim)
        if len(dims) > MOST_DIMS:
            raise ValueError(f"a blob has more than {MOST_DIMS} dimensions")
    return dims


def _fields(view: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield a message's fields: numbers as they are on the wire (fixed ones as bits), and sub-messages as bytes."""
    place, end, count = 0, len(view), 0
    while place < end:
        count += 1
        if count > MOST_FIELDS:
            raise ValueError(f"a message has more than {MOST_FIELDS} fields")
        tag, place = _varint(view, place)
        field, kind = tag >> 3, tag & 7
        if field == 0:
            raise ValueError("a field has number 0")
        if kind == VARINT:
            number, place = _varint(view, place)
            yield field, number
            continue
        if kind == BYTES:
            length, place = _varint(view, place)
        elif kind in (FIXED32, FIXED64):
            length = 4 if kind == FIXED32 else 8
        else:
            raise ValueError(f"a field is of kind {kind}, which weights are not written in")
        if length > end - place:
            raise ValueError(
                f"a field of {length} bytes stands where {end - place} are left: the file is cut or broken"
            )
        part = view[place : place + length]
        place += length
        yield field, part if kind == BYTES else int.from_bytes(part, "little")


def _varint(view: memoryview, place: int) -> tuple[int, int]:
    """Read a number of seven bits a byte, lowest first; return it and the position behind it."""
    number = 0
    for index in range(10):
        if place >= len(view):
            break
        byte = view[place]
        place += 1
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number, place
    raise ValueError("a number has no end: the file is cut or broken")
