"""The settings that kinds of annotation tools have in common: `data.options`."""

from dataclasses import dataclass
from typing import Literal

Unlabelled = Literal["auto", "background", "ignore"]


@dataclass(frozen=True)
class ExportOptions:
    """How the export of an annotation tool is read.

    Args:
        unlabelled: What pixels are that nobody drew: background (a class, which learns), ignore (they count in
            nothing), or auto: what the tool means by it, as `sceneparse data list KIND` says.
        images: The folder of the pictures, where they do not lie in the export: absolute, from data.root on or, where
            none is there, from where the command runs.
    """

    unlabelled: Unlabelled = "auto"
    images: str | None = None


@dataclass(frozen=True)
class FileOptions(ExportOptions):
    """How the export of an annotation tool is read that writes one file for many pictures.

    Args:
        unlabelled: What pixels are that nobody drew: background (a class, which learns), ignore (they count in
            nothing), or auto: what the tool means by it, as `sceneparse data list KIND` says.
        images: The folder of the pictures, where they do not lie in the export: absolute, from data.root on or, where
            none is there, from where the command runs.
        annotations: The annotation file below data.root, with {split} for the split's name, such as
            "annotations/instances_{split}2017.json". Null: found by its name.
    """

    annotations: str | None = None
