"""Read MATLAB files of version 5, the form of ADE20K's index and of the Pascal annotations.

Only data are read: numbers, text, cells and structures. Format: "MAT-File Format", The MathWorks, level 5.
"""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sceneparse.errors import UserError

Order = Literal["<", ">"]

_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {16: "utf-8", 17: "utf-16", 18: "utf-32"}
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCTURE, _CHAR, _SPARSE = 1, 2, 4, 5
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}


@dataclass(frozen=True)
class SparseMatrix:
    """A matrix that stores only what is not zero, column by column.

    Args:
        shape: Rows and columns.
        rows: The row of each value.
        starts: The position of each column's first value among `rows` and `values`, and their number at the end.
        values: The values.
    """

    shape: tuple[int, ...]
    rows: NDArray[Any]
    starts: NDArray[Any]
    values: NDArray[Any]


def read_mat(path: Path) -> dict[str, Any]:
    """Read the variables of a file, by name.

    Returns:
        Numbers as arrays of the file's shape, text as `str`, cells as object arrays, structures as object arrays of
        dictionaries, sparse matrices as `SparseMatrix`.

    Raises:
        UserError: Missing, of another version, or damaged.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    if content[:4] == b"\x89HDF" or b"MATLAB 7.3" in content[:128]:
        raise UserError(f"{path}: a MATLAB file of version 7.3, but version 5 is expected: save it with '-v7'")
    if len(content) < 128 or content[126:128] not in (b"IM", b"MI"):
        raise UserError(f"{path}: not a MATLAB file of version 5")
    order: Order = "<" if content[126:128] == b"IM" else ">"
    try:
        return dict(_variables(memoryview(content)[128:], order))
    except (struct.error, zlib.error, ValueError, KeyError, IndexError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path}: damaged or cut off ({reason}); fetch it again") from None


def _variables(data: memoryview, order: Order) -> list[tuple[str, Any]]:
    found = []
    while len(data):
        kind, body, data = _element(data, order)
        if kind == _COMPRESSED:
            kind, body, _ = _element(memoryview(zlib.decompress(body)), order)
        if kind == _MATRIX and len(body):
            found.append(_matrix(body, order))
    return found


def _element(data: memoryview, order: Order) -> tuple[int, memoryview, memoryview]:
    """Type and content of the first element, and what follows it."""
    kind, size = struct.unpack_from(f"{order}II", data)
    if kind >> 16:  # the small form: size and type share four bytes, four of content follow
        return kind & 0xFFFF, data[4 : 4 + (kind >> 16)], data[8:]
    end = 8 + size
    if end > len(data):
        raise ValueError(f"an element of {size:,} bytes, of which {len(data) - 8:,} are there")
    padded = end if kind == _COMPRESSED else end + -size % 8
    return kind, data[8:end], data[padded:]


def _matrix(data: memoryview, order: Order) -> tuple[str, Any]:
    """Name and value of a matrix."""
    _, flags, data = _element(data, order)
    kind = struct.unpack_from(f"{order}I", flags)[0] & 0xFF
    shape, data = _numbers(data, order)
    name, data = _numbers(data, order)
    dimensions = tuple(int(size) for size in shape)
    count = int(np.prod(dimensions))
    text = name.astype(np.uint8).tobytes().decode("utf-8")
    if kind == _CELL:
        cells = []
        for _ in range(count):
            _, body, data = _element(data, order)
            cells.append(_matrix(body, order)[1] if len(body) else None)
        return text, _objects(cells, dimensions)
    if kind == _STRUCTURE:
        (length, *_), data = _numbers(data, order)
        names, data = _numbers(data, order)
        raw = names.astype(np.uint8).tobytes()
        fields = [raw[at : at + length].split(b"\0")[0].decode() for at in range(0, len(raw), length)]
        records: list[dict[str, Any]] = []
        for _ in range(count):
            record = {}
            for field in fields:
                _, body, data = _element(data, order)
                record[field] = _matrix(body, order)[1] if len(body) else np.zeros((0, 0))
            records.append(record)
        return text, _objects(records, dimensions)
    if kind == _CHAR:
        form, body, _ = _element(data, order)
        if form in _TEXTS:
            return text, bytes(body).decode(_TEXTS[form] + ("" if form == 16 else "-le" if order == "<" else "-be"))
        codes = np.frombuffer(body, dtype=np.dtype(_NUMBERS[form]).newbyteorder(order))
        return text, "".join(map(chr, codes.tolist()))
    if kind == _SPARSE:
        rows, data = _numbers(data, order)
        starts, data = _numbers(data, order)
        values, _ = _numbers(data, order)
        return text, SparseMatrix(dimensions, rows, starts, values)
    values, _ = _numbers(data, order)
    return text, values.astype(_CLASSES[kind]).reshape(dimensions, order="F")


def _numbers(data: memoryview, order: Order) -> tuple[NDArray[Any], memoryview]:
    kind, body, rest = _element(data, order)
    return np.frombuffer(body, dtype=np.dtype(_NUMBERS[kind]).newbyteorder(order)), rest


def _objects(values: list[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    array = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        array[index] = value
    return array.reshape(shape, order="F")
