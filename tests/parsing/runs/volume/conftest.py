"""A case of four volumes and a model of four channels that needs no network."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from sceneparse.datasets.nifti import BRATS
from sceneparse.inference import Opened
from sceneparse.parsing import Parser
from sceneparse.settings import (
    BackboneSettings,
    DataSettings,
    LearntSizes,
    NetworkSettings,
    NiftiSettings,
    PreprocessingSettings,
    ProtocolSettings,
)
from sceneparse.weights.config import ModelConfig

SHAPE = (5, 24, 30)
"""Slices from the feet, rows from the front, columns from the patient's left; the last slice is empty."""
MODALITIES = ("t1", "t1ce", "t2", "flair")


class WhereABitIsSet:
    """Of BraTS's four classes the number of the last channel that is bright; 0 where none but the first one is."""

    name, precision, num_classes, align_corners = "bits", "float32", 4, False
    padding_color: Sequence[float] = (0.0, 0.0, 0.0, 0.0)

    def __init__(self) -> None:
        self.asked: list[Tensor] = []

    def __call__(self, images: Tensor) -> Tensor:
        self.asked.append(images)
        bright = (images[:, 1:] > 200).float() * torch.arange(1.0, 4).view(1, 3, 1, 1)
        return torch.cat([torch.full_like(images[:, :1].float(), 0.5), bright], dim=1) * 8

    def describe(self) -> str:
        return "bits"


@pytest.fixture
def engine() -> WhereABitIsSet:
    return WhereABitIsSet()


MakeParser = Callable[..., Parser]


@pytest.fixture
def make_parser(engine: WhereABitIsSet) -> MakeParser:
    def make(channels: int = 4, sizes: LearntSizes | None = None, **data: object) -> Parser:
        settings = DataSettings(kind="nifti", root=None, nifti=NiftiSettings(MODALITIES[:channels]))
        config = ModelConfig(
            name="bits",
            backbone=BackboneSettings(in_channels=channels),
            network=NetworkSettings(),
            preprocessing=PreprocessingSettings((0.5,), (0.5,)),
            protocol=ProtocolSettings(),
            data=replace(settings, nifti=replace(settings.nifti, **data)),  # type: ignore[arg-type]
            sizes=sizes or LearntSizes(),
        )
        return Parser(Opened(engine, config, BRATS, "bits", None))

    return make


@pytest.fixture
def truth() -> NDArray[np.uint8]:
    """BraTS's values, none of them symmetric."""
    values = np.zeros(SHAPE, np.uint8)
    values[1, 3:9, 4:20] = 2
    values[2, 3:15, 4:22] = 2
    values[2, 5:8, 6:9] = 1
    values[3, 10:20, 2:6] = 4
    return values


@pytest.fixture
def volumes(truth: NDArray[np.uint8]) -> dict[str, NDArray[np.int16]]:
    """What makes the model tell the truth: t1 is the head, the others are bright where their class is."""
    head = np.zeros(SHAPE, np.int16)
    head[:4, 1:-1, 1:-1] = 100
    found = {"t1": head}
    for name, value in (("t1ce", 1), ("t2", 2), ("flair", 4)):
        found[name] = np.where(truth == value, 900, head).astype(np.int16)
    return found


AFFINE = np.array([[-1.5, 0, 0, 40], [0, -1.0, 0, 30], [0, 0, 2.0, -7], [0, 0, 0, 1]])
"""From right to left, from front to back, from feet to head, as BraTS stores voxels; 3 mm³ each."""


def stored(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """As a file with `AFFINE` has them: columns, rows, slices."""
    return np.transpose(values, (2, 1, 0))[::-1]


Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    nibabel = pytest.importorskip("nibabel")

    def write(name: str, values: NDArray[np.generic], affine: NDArray[np.float64] = AFFINE) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = nibabel.Nifti1Image(values, affine)
        image.header.set_xyzt_units("mm")
        nibabel.save(image, path)
        return path

    return write


@pytest.fixture
def case(save: Save, volumes: dict[str, NDArray[np.int16]]) -> Path:
    """A folder with the four volumes."""
    for name, values in volumes.items():
        path = save(f"cases/p1/p1_{name}.nii.gz", stored(values))
    return path.parent
