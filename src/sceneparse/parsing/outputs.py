"""What runs have written: what lies in the output folder of this one, and the files of earlier parses anywhere."""

from pathlib import Path
from typing import get_args

from sceneparse.parsing.artefacts.artefact import Inputs
from sceneparse.parsing.artefacts.file_names import RECORDS
from sceneparse.parsing.artefacts.table import ARTEFACTS

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
        return inside or is_of_a_parse(file)


def is_of_a_parse(file: Path) -> bool:
    """Return whether the JSON of a parse, in the same folder, names a file as one of its own.

    Args:
        file: A picture, a video or a volume: of each no more is asked than whether the JSON files are there that runs
            would have written beside it.
    """
    # Not at the top: what is wrong with a command's inputs is said before torch is imported.
    from sceneparse.parsing.runs.earlier import read_record

    if (file.parent / FRAMES).is_file() and file.stem.isdigit():
        return True
    for inputs in get_args(Inputs):
        for _, artefact in ARTEFACTS.usable():
            suffix = artefact.suffix_of(inputs)
            if not suffix or not file.name.endswith(suffix) or file.name == suffix:
                continue
            said = read_record(file.with_name(f"{file.name.removesuffix(suffix)}{RECORDS[inputs]}"))
            match said:
                case {"model_sha256": str(), "files": dict(files)} if file.name in files.values():
                    return True
    return False
