"""What runs have written: what lies in the output folder of this one, and the files of earlier parses anywhere."""

from functools import cached_property
from pathlib import Path
from typing import get_args

from sceneparse.parsing.artefacts.artefact import Inputs
from sceneparse.parsing.artefacts.file_names import RECORDS
from sceneparse.parsing.artefacts.table import ARTEFACTS
from sceneparse.parsing.own_files import read_record

FRAMES = "frames.json"
"""In a folder of label frames: what they were made by."""


class Outputs:
    """The output folder: what a folder or a pattern holds inside it is an output of this or an earlier run, no input.

    Nor is what an earlier run has written into another folder, be it among the pictures or that of the pictures.

    Args:
        out: The folder, there or not; None: nothing is an output.
    """

    def __init__(self, out: Path | None) -> None:
        self.folder = None if out is None else out.resolve()
        # The files of a folder come one after the other: each folder is looked up once.
        self._last: tuple[Path, bool] = (Path(), self.covers(Path()))

    def covers(self, folder: Path) -> bool:
        """Return whether a folder is the output folder, or lies in it."""
        return self.folder is not None and folder.resolve().is_relative_to(self.folder)

    def holds(self, file: Path) -> bool:
        """Return whether a file lies in the output folder, wherever a link may lead from there, or is of a parse."""
        folder, inside = self._last
        if file.parent != folder:
            inside = self.covers(file.parent)
            self._last = (file.parent, inside)
        return inside or self._is_of_a_parse(file)

    @cached_property
    def _endings(self) -> list[tuple[str, str]]:
        """What follows an input's name in the name of an artefact, and in that of the JSON that names it."""
        return [
            (suffix, RECORDS[inputs])
            for _, artefact in ARTEFACTS.usable()
            for inputs in get_args(Inputs)
            if (suffix := artefact.suffix_of(inputs))
        ]

    def _is_of_a_parse(self, file: Path) -> bool:
        """Whether the JSON of a parse, in the same folder, names a file as one of its own.

        No more is asked of a file than whether the JSON files are there that runs would have written beside it.
        """
        if file.stem.isdigit() and (file.parent / FRAMES).is_file():
            return True
        for suffix, record in self._endings:
            if file.name.endswith(suffix) and file.name != suffix:
                said = read_record(file.with_name(f"{file.name.removesuffix(suffix)}{record}"))
                match said:
                    case {"model_sha256": str(), "files": dict(files)} if file.name in files.values():
                        return True
        return False
