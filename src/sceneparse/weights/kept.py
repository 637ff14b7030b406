"""Model folders that are made of something else, and kept in the cache for the next time."""

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from sceneparse.files import cache_folder, make_folder, make_room
from sceneparse.version import __version__
from sceneparse.weights.config import CONFIG, LABELS, WEIGHTS

KEPT = 8
"""So many of each kind are kept; the one that was used longest ago makes room."""

NAME = "model"
"""What each of the folders is called."""


def kept_model(kind: str, facts: Sequence[str], make: Callable[[Path], None]) -> Path:
    """Return a model folder in the cache; it is made the first time, by one process where several want it.

    Args:
        kind: What it is made of, in a word: the folder of the cache that it is in.
        facts: What changes when what it is made of does. Another version of this package makes it anew in any case.
        make: Writes it, whole or not at all, into the path that it is called with.
    """
    kept = cache_folder() / kind / hashlib.sha256("\n".join((__version__, *facts)).encode()).hexdigest()[:32]
    folder = kept / NAME
    if _is_whole(folder):
        with suppress(OSError):
            os.utime(kept)
        return folder
    make_folder(kept)
    with FileLock(kept / ".lock"):
        if not _is_whole(folder):
            shutil.rmtree(folder, ignore_errors=True)  # what is left of one that lost a file
            make(folder)
    make_room(kept.parent, KEPT)
    return folder


def _is_whole(folder: Path) -> bool:
    return all((folder / file).is_file() for file in (CONFIG, WEIGHTS, LABELS))
