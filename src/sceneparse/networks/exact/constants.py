"""Constants that are made once for each size and kept in caches: who holds on to those that a recorded graph reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Constant = TypeVar("Constant")

_kept: ContextVar[list[object] | None] = ContextVar("kept", default=None)


@contextmanager
def keeping() -> Iterator[list[object]]:
    """Collect the constants that are used inside: caches may drop them, while a graph knows but their addresses."""
    found: list[object] = []
    token = _kept.set(found)
    try:
        yield found
    finally:
        _kept.reset(token)


def used(constant: Constant) -> Constant:
    """Note that a constant of a cache is used, and return it."""
    found = _kept.get()
    if found is not None:
        found.append(constant)
    return constant
