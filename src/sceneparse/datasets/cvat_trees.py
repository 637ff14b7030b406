"""Where an export of CVAT's or Datumaro's segmentation masks lies: in a folder, in its zip, or one for each split."""

import hashlib
import os
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from sceneparse.datasets.annotations.splits import is_role
from sceneparse.datasets.getting.unpacking import unpack
from sceneparse.errors import UserError
from sceneparse.files import cache_folder, make_folder, make_room

LABELMAP, CLASS_MASKS = "labelmap.txt", "SegmentationClass"
PICTURES = ("JPEGImages", "images")
"""The folder of the pictures in an export, and the one beside a zip of masks alone."""


WHOLE = ".unpacked"
"""In the folder of a zip that was unpacked: all of it is there."""

KEPT, UNUSED = 8, 90 * 24 * 3600.0
"""Unpacked zips that stay in any case, and the seconds without use after which others are deleted: a training that
reads one may take weeks."""


@dataclass(frozen=True)
class Tree:
    """An export.

    Args:
        base: The folder that it was found in.
        folder: The folder of its files: `base`, or where its zip was unpacked.
    """

    base: Path
    folder: Path

    @property
    def labelmap(self) -> Path:
        """The file of the classes and their colours."""
        return self.folder / LABELMAP

    @property
    def masks(self) -> Path:
        """The folder of the masks of classes."""
        return self.folder / CLASS_MASKS

    @property
    def lists(self) -> list[Path]:
        """The lists of pictures, a subset each."""
        return sorted((self.folder / "ImageSets" / "Segmentation").glob("*.txt"))

    @property
    def images(self) -> Path:
        """The folder of the pictures.

        Raises:
            UserError: There is none.
        """
        for folder in (self.folder / PICTURES[0], *(self.base / name for name in PICTURES)):
            if folder.is_dir():
                return folder
        raise UserError(
            f'{self.base}: the export has masks but no pictures: export it again with "Save images" on, or put the '
            f"pictures into {self.base / PICTURES[0]} under the masks' names"
        )


def export_in(folder: Path) -> Path | None:
    """Return an export that lies in a folder: the folder itself, or the only zip in it that holds one; else None."""
    if (folder / LABELMAP).is_file() and (folder / CLASS_MASKS).is_dir():
        return folder
    found = [path for path in sorted(folder.glob("*.zip")) if not path.name.startswith(".") and _holds_export(path)]
    return found[0] if len(found) == 1 else None


def split_exports(root: Path) -> dict[str, Path]:
    """Return the exports that lie in folders called as splits are, by these names."""
    if not root.is_dir():
        return {}
    names = sorted(one.name for one in root.iterdir() if one.is_dir() and is_role(one.name))
    found = {name: export_in(root / name) for name in names}
    return {name: export for name, export in found.items() if export is not None}


def unpacked(export: Path) -> Path:
    """Return the folder of an export's files: a zip is unpacked once, into the cache folder.

    Raises:
        UserError: The zip is damaged, or cannot be unpacked.
    """
    if export.is_dir():
        return export
    status = export.stat()
    key = f"{export.resolve()} {status.st_size} {status.st_mtime_ns}"
    folder = cache_folder() / "unpacked" / hashlib.sha256(key.encode()).hexdigest()[:16]
    make_folder(folder)
    with FileLock(folder / ".lock"):
        if not (folder / WHOLE).exists():
            unpack(export, folder, lambda _done, _total: None)
            (folder / WHOLE).touch()
    with suppress(OSError):
        os.utime(folder)
    make_room(folder.parent, KEPT, unused=UNUSED)
    return folder


def _holds_export(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as file:
            names = file.namelist()
    except (OSError, zipfile.BadZipFile):
        return False
    return LABELMAP in names and any(name.startswith(f"{CLASS_MASKS}/") for name in names)
