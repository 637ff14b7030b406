"""The form in which a benchmark's server takes label maps: their values, their names, their folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneparse.arguments import argument
from sceneparse.drawing.legend import id_image
from sceneparse.errors import UserError
from sceneparse.files import whole_file
from sceneparse.labels import LabelSpace


@dataclass(frozen=True)
class SubmissionForm:
    """The form of submissions to a benchmark's server: values, names and folder of the label maps.

    Args:
        benchmark: Its name.
        folder: Where the files lie, below the output folder.
        labels: The classes, by the values that the server expects.
        renamed: The file's stem, of the picture's.
        palette: Whether values stand for colours of a palette; else they are grey.
    """

    benchmark: str
    folder: str
    labels: LabelSpace
    renamed: Callable[[str], str]
    palette: bool

    def file(self, name: str) -> str:
        """The file of a picture's result, below the output folder.

        Args:
            name: The picture's name, with "/" for folders, which results have none of.
        """
        return f"{self.folder}/{self.renamed(PurePosixPath(name).name)}.png"

    def write(self, out: Path, name: str, indices: NDArray[np.int16]) -> None:
        """Write (H, W) class indices below the output folder, whole or not at all."""
        image = id_image(indices, self.labels) if self.palette else Image.fromarray(self.labels.encode(indices))
        with whole_file(out / self.file(name)) as temporary:
            image.save(temporary)

    def refuse_others(self, labels: LabelSpace, model: str) -> None:
        """Raise a `UserError` if a model has other classes than the benchmark."""
        if labels.names != self.labels.names:
            raise UserError(
                f"{model} names {len(labels)} classes ({', '.join(labels.names[:3])}, …), but submissions to "
                f"{self.benchmark} take its own {len(self.labels)} ({', '.join(self.labels.names[:3])}, …): "
                f"leave {argument('benchmark', option='--as')} out, or give a model of these classes"
            )
