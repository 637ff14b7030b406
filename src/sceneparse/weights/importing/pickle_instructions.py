"""Instructions of pickles that push a constant, and those that need no answer (see `pickletools`); kinds of storage."""

import torch

CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}

PUSHED = CONSTANTS.keys() | {
    "BININT",
    "BININT1",
    "BININT2",
    "INT",
    "LONG",
    "LONG1",
    "LONG4",
    "FLOAT",
    "BINFLOAT",
    "STRING",
    "BINSTRING",
    "SHORT_BINSTRING",
    "BINBYTES",
    "SHORT_BINBYTES",
    "UNICODE",
    "BINUNICODE",
    "SHORT_BINUNICODE",
    "BINUNICODE8",
    "BINBYTES8",
    "BYTEARRAY8",
}
"""Instructions that put a constant on the stack."""

IGNORED = frozenset({"PROTO", "FRAME", "STOP"})

DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128,
    "QInt8Storage": torch.int8,
    "QUInt8Storage": torch.uint8,
    "QInt32Storage": torch.int32,
    "UntypedStorage": torch.uint8,
}
"""Kinds of storage and what their elements are. Weights are of the first ten; others may lie beside them, those of
quantised tensors as the whole numbers that they hold."""
