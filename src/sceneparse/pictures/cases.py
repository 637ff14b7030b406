"""Find the volumes that belong together: as in BraTS, a case is a folder with one file per modality."""

from collections.abc import Sequence
from pathlib import Path

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.pictures.grids import on_one_grid
from sceneparse.pictures.volumes import SUFFIXES, Volume
from sceneparse.settings.data import Grids


def modalities_of(
    folder: Path, names: Sequence[str], grids: Grids = "equal", *, setting: str = ""
) -> tuple[Volume, ...]:
    """Open the volumes of a case, in the order of the channels, on the first one's grid.

    Args:
        folder: The case's.
        names: What the volumes are called: CASE_NAME.nii.gz, or with a dash.
        grids: What to do with volumes that lie at other positions than the first.
        setting: What gives the names, for messages.

    Raises:
        UserError: Missing, twice there, damaged, or on different grids.
    """
    return on_one_grid([one_volume(folder, name, setting=setting) for name in names], grids)


def one_volume(folder: Path, name: str, *, setting: str = "") -> Volume:
    """Open the only volume of that name in a case's folder.

    Args:
        folder: The case's.
        name: What the volume is called.
        setting: What gives the name, for messages.

    Raises:
        UserError: There is none, there are several, or it is damaged.
    """
    files = volume_files(folder)
    found = called(files, name)
    if len(found) != 1:
        there = ", ".join(file.name for file in files)
        count = "no file" if not found else f"{len(found)} files"
        advice = f"; if yours are called otherwise, give {argument(setting)}" if setting else ""
        raise UserError(
            f"{folder}: {count} *_{name}.nii.gz (or -{name}, or .nii) where one is expected; found {there}{advice}"
        )
    return Volume.open(found[0])


def volume_files(folder: Path) -> list[Path]:
    """List the NIfTI files of a folder, sorted."""
    return sorted(file for file in folder.iterdir() if file.name.lower().endswith(SUFFIXES) and file.name[0] != ".")


def called(files: Sequence[Path], name: str) -> list[Path]:
    """Return the files whose names end in _NAME or -NAME."""
    ends = tuple(f"{sign}{name}{suffix}".lower() for sign in "_-" for suffix in SUFFIXES)
    return [file for file in files if file.name.lower().endswith(ends)]
