"""PyTorch's archives that are programs with their weights, and no files of weights: TorchScript, torch.export."""

import zipfile
from collections.abc import Collection
from pathlib import Path

SCRIPT = (
    "it is a TorchScript program, not a file of weights: load it with torch.jit.load, save its state_dict() with "
    "torch.save, and give that file"
)
EXPORTED = (
    "it is a program of torch.export, not a file of weights: load it with torch.export.load, save its state_dict with "
    "torch.save, and give that file"
)


def program_among(names: Collection[str]) -> str:
    """Return what to do with an archive whose entries are those of a program; "" for none.

    Args:
        names: The entries, all in one folder.
    """
    inner = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inner or any(name.startswith("code/") for name in inner):
        return SCRIPT
    return EXPORTED if "archive_format" in inner or any(name.startswith("models/") for name in inner) else ""


def program_in(path: Path) -> str:
    """Return the same of a file, which may be none or damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return program_among(archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, IndexError):
        return ""
