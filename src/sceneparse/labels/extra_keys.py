"""Keys of a `classes.json` that mean nothing here: listed once for each file, as a warning."""

import difflib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

_listed: set[str] = set()
_gathered: ContextVar[dict[str, None] | None] = ContextVar("_gathered", default=None)


def extra_keys_line(where: str, extra: Sequence[str], known: Sequence[str]) -> str:
    """Return in a line which keys mean nothing, and what each may have been meant to be.

    Args:
        where: The file's name.
        extra: The keys, at least one.
        known: The keys that mean something.
    """
    near = {key: difflib.get_close_matches(key.lower(), known, n=1) for key in extra}
    keys = ", ".join(f"'{key}'" + (f" (did you mean '{near[key][0]}'?)" if near[key] else "") for key in extra)
    hint = "" if any(near.values()) else f"; known keys: {', '.join(known)}"
    return f"{where}: {'keys' if len(extra) > 1 else 'key'} without a meaning here, ignored: {keys}{hint}"


def list_extra_keys(line: str) -> None:
    """Write a line as a warning on standard error, once in this process; or leave it to `extra_keys_gathered`."""
    gathered = _gathered.get()
    if gathered is not None:
        gathered[line] = None
        return
    # Of processes that work together (torchrun's variable, or Slurm's) the first one speaks for all.
    first = os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0")) == "0"
    if first and line not in _listed:
        print(f"warning: {line}", file=sys.stderr)
    _listed.add(line)


@contextmanager
def extra_keys_gathered() -> Iterator[dict[str, None]]:
    """Keep back the lines about files that are read in this block; yield them, for whoever lists them elsewhere."""
    lines: dict[str, None] = {}
    token = _gathered.set(lines)
    try:
        yield lines
    finally:
        _gathered.reset(token)
