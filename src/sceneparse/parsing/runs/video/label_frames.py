"""The label map of each frame as a file; what an interrupted run left is kept if it is of the same making."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.drawing.legend import id_image, read_id_image
from sceneparse.files import whole_file, write_json
from sceneparse.labels import LabelSpace
from sceneparse.parsing.outputs import FRAMES
from sceneparse.parsing.runs.replacing import remove_frames


class LabelFrames:
    """A folder of 000000.png, 000001.png, …: the label maps of a video's frames.

    Args:
        folder: Where they lie; made if it isn't there.
        space: The classes.
        made_by: The video, model, protocol and smoothing. Frames that an earlier run left are kept if they were made by
            the same, else they are removed.
        again: Whether they are removed in any case.
    """

    def __init__(self, folder: Path, space: LabelSpace, made_by: dict[str, Any], *, again: bool = False) -> None:
        self.folder, self._space = folder, space
        made_by = json.loads(json.dumps(made_by))
        if again or not self._made_by(made_by):
            remove_frames(folder)
            write_json(folder / FRAMES, made_by)

    def _made_by(self, made_by: dict[str, Any]) -> bool:
        try:
            said = json.loads((self.folder / FRAMES).read_text(encoding="utf-8"))
        except (OSError, ValueError):  # none there, or none of ours
            return False
        return bool(said == made_by)

    def there(self, index: int) -> bool:
        """Whether a frame's file is there; then it is whole and of the same making."""
        return self._path(index).is_file()

    def read(self, index: int) -> NDArray[np.int16]:
        """A frame's label map, (H, W) class indices."""
        return read_id_image(self._path(index), self._space)

    def write(self, index: int, labels: NDArray[np.int16]) -> None:
        """Write a frame's label map, whole or not at all."""
        with whole_file(self._path(index)) as temporary:
            id_image(labels, self._space).save(temporary)

    def _path(self, index: int) -> Path:
        return self.folder / f"{index:06}.png"
