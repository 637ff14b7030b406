"""Instructions of pickles that push a constant, and those that need no answer; see `pickletools`."""

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
