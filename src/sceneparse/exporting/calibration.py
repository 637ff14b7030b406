"""The pictures that give the ranges for int8, and on which labels are compared."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from torch import Tensor

from sceneparse.evaluation.reading import spaced
from sceneparse.parsing.opening import PictureReader
from sceneparse.pictures import find_pictures
from sceneparse.weights.config import ModelConfig

CALIBRATED = 100
"""Calibration pictures that are read at most, evenly spaced."""


class CalibrationPictures:
    """Pictures that are read as the model's own are, each when it is asked for: no two of them are held at once.

    Args:
        sources: Pictures, folders and patterns; of more than `CALIBRATED` pictures so many count, evenly spaced.
        config: The model's settings, which say how its pictures are read.

    Raises:
        UserError: A source doesn't exist or holds no picture; when a picture is asked for, it cannot be read.
    """

    def __init__(self, sources: Sequence[str | Path], config: ModelConfig) -> None:
        found = [one.path for one in find_pictures(sources)]
        self.paths = [found[index] for index in spaced(len(found), CALIBRATED)]
        self._read = PictureReader.of(config)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        """Read a picture: (C, H, W) uint8."""
        return self._read(self.paths[index]).image

    def __iter__(self) -> Iterator[Tensor]:
        return (self[index] for index in range(len(self)))
