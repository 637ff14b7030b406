"""Where a parse is written: in which folder, under which name."""

from pathlib import Path

from sceneparse.arguments import argument, check_type
from sceneparse.errors import require
from sceneparse.paths import expanded

SUFFIXES = (".png", ".jpg", ".jpeg", ".json", ".geojson", ".tif", ".tiff", ".webp")
"""Ends of a name that is meant for a single file."""


def place_of(folder: str | Path, stem: str | None) -> tuple[Path, str]:
    """Return the folder and the common name of a parse's files.

    Args:
        folder: The folder; without a stem, its last part is that.
        stem: The files' name, without a suffix.

    Raises:
        UserError: A folder or a stem that is none.
    """
    check_type("folder", folder, (str, Path), "a path")
    folder = expanded(folder)
    if stem is None:
        fitting = f"give the folder and the name of the files in it, such as save({str(folder)!r}, 'street')"
        require(not folder.is_dir(), f"{folder}: is a folder, but a parse is several files of one name: {fitting}")
        named = f"name them without it, such as save({str(folder.with_suffix(''))!r})"
        own = folder.suffix.lower() in SUFFIXES
        require(not own, f"{folder}: has a suffix, but a parse is several files, each with its own: {named}")
        folder, stem = folder.parent, folder.name
    require(not folder.is_file(), f"{folder}: is a file, but must be a folder")
    check_type("stem", stem, str, "the files' name without a suffix")
    require(stem != "", f"{argument('stem')} is empty, but must be the files' name without a suffix")
    return folder, stem
