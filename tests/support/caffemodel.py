"""Writes a `.caffemodel`: the fields of caffe.proto that hold weights."""

import struct
from collections.abc import Mapping, Sequence

import numpy as np


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, content: bytes) -> bytes:
    """A field that is a message, text or packed numbers."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def blob(values: np.ndarray) -> bytes:
    """BlobProto with its shape."""
    return field(7, field(1, b"".join(map(varint, values.shape)))) + field(5, values.astype("<f4").tobytes())


def legacy_blob(values: np.ndarray) -> bytes:
    """BlobProto of four sides, its values one by one."""
    sides = (1,) * (4 - values.ndim) + values.shape
    head = b"".join(varint(number << 3) + varint(side) for number, side in enumerate(sides, 1))
    return head + b"".join(varint(5 << 3 | 5) + struct.pack("<f", value) for value in values.flat)


def caffemodel(layers: Mapping[str, Sequence[np.ndarray]], *, legacy: bool = False) -> bytes:
    """NetParameter with these layers and their blobs."""
    out = field(1, b"net")
    for name, blobs in layers.items():
        if legacy:
            content = field(4, name.encode()) + b"".join(field(6, legacy_blob(values)) for values in blobs)
            out += field(2, content)
        else:
            content = field(1, name.encode()) + field(2, b"Convolution")
            out += field(100, content + b"".join(field(7, blob(values)) for values in blobs))
    return out
