"""Which pictures a run parses, when its outputs may lie among them."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from pathlib import Path

from sceneparse.errors import UserError
from sceneparse.parsing.outputs import Outputs
from sceneparse.parsing.runs.naming import fixed_folder
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
        self._outputs = Outputs(out)
        paths = [expanded(source) for source in self._inputs]
        self._files = frozenset(path for path in paths if path.is_file())
        for path in paths:
            if path not in self._files and self._outputs.covers(path if path.is_dir() else fixed_folder(path)):
                raise UserError(
                    f"{path}: lies in the output folder {out}, where pictures and label maps would be mixed; choose a "
                    "folder of its own for the outputs (it may be inside the pictures' folder)"
                )
        self._endangered = {resolved: path for path in self._files if self._outputs.covers(resolved := path.resolve())}
        self.left_out = self._none_left_out()
        find_pictures(self._inputs)  # raises at once what is wrong with them

    @cached_property
    def count(self) -> int | None:
        """How many pictures there are, searched for when it is first asked for; None where the search fails."""
        try:
            return sum(1 for _ in self)
        except UserError:
            return None  # whoever goes through them meets it too, and says it

    def __iter__(self) -> Iterator[FoundPicture]:
        left_out = self._none_left_out()
        for found in find_pictures(self._inputs, left_out):
            named = found.path in self._files
            if (named or not self._outputs.holds(found.path)) and found.path not in self._without:
                yield found
        self.left_out = left_out

    def _none_left_out(self) -> LeftOut:
        return unread(apart=True, outputs=self._outputs.folder, without=self._without)

    def overwritten_by(self, outputs: Sequence[Path]) -> Path | None:
        """Return the picture that one of these files would overwrite; None if there is none."""
        if not self._endangered:
            return None
        paths = (output.parent.resolve() / output.name for output in outputs)
        return next((self._endangered[path] for path in paths if path in self._endangered), None)
