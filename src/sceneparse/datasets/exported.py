"""What `data export` says of a folder that it wrote, so that reading it back means the same by its pixels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Unlabelled = Literal["auto", "background", "ignore"]

RECORD = "exported.json"
"""What a written folder came from."""


@dataclass(frozen=True)
class Exported:
    """A folder that `data export --as FORM` wrote.

    Args:
        form: The form of its annotations.
        classes: The classes of the data set that it was written of.
    """

    form: str
    classes: tuple[str, ...]


def exported(root: Path) -> Exported | None:
    """Return what `data export` says of a folder, or of the one that a split's lies in; None where it wrote neither.

    Args:
        root: The folder.
    """
    for folder in (root, root.absolute().parent):
        try:
            said: Any = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        form, classes = (said.get(key) if isinstance(said, dict) else None for key in ("form", "classes"))
        if isinstance(form, str) and isinstance(classes, list) and all(isinstance(name, str) for name in classes):
            return Exported(form, tuple(classes))
    return None


def undrawn(root: Path, choice: Unlabelled) -> Unlabelled:
    """Return what pixels are that nobody drew: of a folder that `data export` wrote, "auto" means those it ignored.

    All others have a class there.

    Args:
        root: The folder.
        choice: The setting.
    """
    return "ignore" if written_here(root, choice) else choice


WHY = ", since sceneparse wrote these files from masks, in which such pixels were ignored"
"""Why pixels that nobody drew count in nothing, where `written_here` says so."""


def written_here(root: Path, choice: Unlabelled) -> bool:
    """Return whether undrawn pixels are what they are by `undrawn`, and not by the setting or the tool's custom.

    Args:
        root: The folder.
        choice: The setting.
    """
    return choice == "auto" and exported(root) is not None
