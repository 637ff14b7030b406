"""Picture files that are left out, since their format isn't read: counted and named, so that nobody misses them."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.layout import layout_of
from sceneparse.errors import counted
from sceneparse.pictures.finding import PICTURE_SUFFIXES
from sceneparse.settings import DataSettings

OTHER_PICTURES = frozenset(
    (
        *(".heic", ".heif", ".hif", ".avif", ".jxl", ".jxr", ".jp2", ".j2k", ".jpf", ".jpx", ".j2c"),
        *(".tga", ".pcx", ".sgi", ".rgb", ".dds", ".qoi", ".ico", ".icns", ".pnm", ".pbm", ".pam", ".pfm"),
        *(".dng", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"),
        *(".psd", ".psb", ".xcf", ".svg", ".eps", ".ai", ".exr", ".hdr", ".fits", ".dcm", ".ecw", ".sid"),
    )
)
"""Suffixes, in lower case, of files that somebody may hold for pictures (or masks) of a data set."""


@dataclass(frozen=True)
class LeftOut:
    """Picture files of formats that aren't read.

    Args:
        suffixes: How many there are of each suffix.
        examples: The first of them.
    """

    suffixes: Counter[str] = field(default_factory=Counter)
    examples: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return self.suffixes.total()

    def describe(self) -> str:
        """Return a line that counts them, and says what to do."""
        forms = ", ".join(f"{count:,} {suffix}" for suffix, count in self.suffixes.most_common())
        verb = "is" if len(self) == 1 else "are"
        return (
            f"{counted(len(self), 'picture file')} {verb} left out, since the format isn't read ({forms}): save as "
            "PNG, JPEG or TIFF what belongs to the data set"
        )


def left_out_of(settings: DataSettings) -> LeftOut:
    """Return the picture files that a data set of pictures and masks leaves out; none of another kind."""
    layout = layout_of(KINDS[settings.kind], settings)
    folders = () if layout is None else layout.folders.values()
    return left_out(folder for split in folders for folder in (split.images, split.masks))


def left_out(folders: Iterable[Path], examples: int = 10) -> LeftOut:
    """Return the files below folders that are pictures of formats which aren't read.

    Args:
        folders: Where pictures or masks are looked for; a folder below another one counts once.
        examples: How many are named.
    """
    suffixes: Counter[str] = Counter()
    named: list[Path] = []
    for path in sorted({path for folder in folders for path in _others(folder)}):
        suffixes[path.suffix.lower()] += 1
        if len(named) < examples:
            named.append(path)
    return LeftOut(suffixes, tuple(named))


def _others(folder: Path) -> Iterator[Path]:
    unread = OTHER_PICTURES - PICTURE_SUFFIXES
    for where, below, files in os.walk(folder):
        below[:] = [name for name in below if not name.startswith(".")]
        for name in files:
            if name[name.rfind(".") :].lower() in unread and not name.startswith("."):
                yield Path(where, name)
