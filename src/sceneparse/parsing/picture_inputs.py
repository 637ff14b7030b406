"""Which pictures a run parses, when its outputs may lie among them."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from sceneparse.errors import UserError
from sceneparse.paths import expanded
from sceneparse.pictures.finding import FoundPicture, find_pictures
from sceneparse.pictures.forms import LeftOut, unread


class Inputs:
    """The pictures of some files, folders and patterns, but not the outputs of this or an earlier run.

    Each iteration searches afresh and holds one picture at a time.

    Args:
        inputs: As `find_pictures` takes them.
        out: The output folder. What a folder or a pattern holds inside it is an output and left out; pictures may lie
            there only if they are named one by one.
        without: Files that something else parses.

    Attributes:
        left_out: The pictures in forms that are not read which the last whole iteration came by; videos and volumes
            apart.

    Raises:
        UserError: An input doesn't exist or holds no picture, or a folder of pictures lies in the output folder.
    """

    left_out: LeftOut

    def __init__(self, inputs: Sequence[str | Path], out: Path, without: AbstractSet[Path] = frozenset()) -> None:
        self._inputs, self._without = tuple(inputs), without
        self._out = out.resolve()
        paths = [expanded(source) for source in self._inputs]
        self._files = frozenset(path for path in paths if path.is_file())
        for path in paths:
            if path not in self._files and _fixed_folder(path).resolve().is_relative_to(self._out):
                raise UserError(
                    f"{path}: lies in the output folder {out}, where pictures and label maps would be mixed; choose a "
                    "folder of its own for the outputs (it may be inside the pictures' folder)"
                )
        self._endangered = {
            resolved: path for path in self._files if (resolved := path.resolve()).is_relative_to(self._out)
        }
        self.left_out = self._none_left_out()
        find_pictures(self._inputs)  # raises at once what is wrong with them

    def __iter__(self) -> Iterator[FoundPicture]:
        folder, outside, left_out = Path(), True, self._none_left_out()
        for found in find_pictures(self._inputs, left_out):
            if found.path.parent != folder:
                folder = found.path.parent
                outside = not folder.resolve().is_relative_to(self._out)
            if (outside or found.path in self._files) and found.path not in self._without:
                yield found
        self.left_out = left_out

    def _none_left_out(self) -> LeftOut:
        return unread(apart=True, outputs=self._out, without=self._without)

    def overwritten_by(self, outputs: Sequence[Path]) -> Path | None:
        """Return the picture that one of these files would overwrite; None if there is none."""
        if not self._endangered:
            return None
        paths = (output.parent.resolve() / output.name for output in outputs)
        return next((self._endangered[path] for path in paths if path in self._endangered), None)


def _fixed_folder(path: Path) -> Path:
    """The folder, or of a pattern the folders before the first wildcard."""
    if path.is_dir():
        return path
    for index, name in enumerate(path.parts):
        if any(sign in name for sign in "*?["):
            return Path(*path.parts[:index])
    return path
