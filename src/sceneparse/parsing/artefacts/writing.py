"""Writes the artefacts of a parse: of a large picture side by side, since each takes seconds of one core."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from sceneparse.parsing.artefacts.table import ARTEFACTS

if TYPE_CHECKING:
    from sceneparse.parsing.parse import Parse

LARGE = 8_000_000
"""Pixels from which on artefacts are written side by side; of smaller pictures several are written at a time anyway."""

_THREADS = 2
"""Each holds a picture of its own meanwhile."""


def write_artefacts(parse: Parse, names: Sequence[str], folder: Path, stem: str) -> dict[str, str]:
    """Write artefacts of a parse, and return their files' names by the artefacts'.

    Args:
        parse: The parse.
        names: The artefacts, of `ARTEFACTS`.
        folder: Where to.
        stem: The files' name; may hold "/" for folders below.

    Raises:
        UserError: As an artefact's own; of several the first in order. All that have begun are finished then.
    """

    def written(name: str) -> str:
        return ARTEFACTS[name].write(parse, folder, stem)

    if len(names) < 2 or parse.labels.size < LARGE:
        return {name: written(name) for name in names}
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="sceneparse-artefacts") as threads:
        return dict(zip(names, threads.map(written, names), strict=True))
