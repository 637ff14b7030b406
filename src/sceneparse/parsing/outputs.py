"""What lies in the output folder of a run: an output, unless it is named by itself."""

from pathlib import Path


class Outputs:
    """The output folder: what a folder or a pattern holds inside it is an output of this or an earlier run, no input.

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
        """Return whether a file lies in the output folder, wherever a symbolic link may lead from there."""
        folder, inside = self._last
        if file.parent != folder:
            inside = self.covers(file.parent)
            self._last = (file.parent, inside)
        return inside
