"""An engine that needs no network: the brightest channel is the class."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sceneparse.inference import Opened
from sceneparse.labels import LabelSpace
from sceneparse.parsing import Parser
from sceneparse.settings import (
    BackboneSettings,
    DataSettings,
    NetworkSettings,
    PreprocessingSettings,
    ProtocolSettings,
)
from sceneparse.weights import ModelConfig

SPACE = LabelSpace(("brick", "grass", "water"), colors=((200, 10, 10), (10, 200, 10), (10, 10, 200)), ids=(7, 0, 30))


class BrightestChannel:
    """Class 0 where red is the brightest, 1 for green, 2 for blue."""

    name = "brightest"
    precision = "float32"
    num_classes = 3
    align_corners = False
    padding_color: Sequence[float] = (0.0, 0.0, 0.0)

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, images: Tensor) -> Tensor:
        self.calls += 1
        scores = images.float() / 32
        return scores if scores.shape[1] == 3 else scores[:, :1].expand(-1, 3, -1, -1).clone()

    def describe(self) -> str:
        return "the brightest channel"


MakeParser = Callable[..., Parser]


@pytest.fixture
def make_parser() -> MakeParser:
    def make(*, name: str = "brightest", channels: int = 3, protocol: ProtocolSettings | None = None) -> Parser:
        config = ModelConfig(
            name=name,
            backbone=BackboneSettings(in_channels=channels),
            network=NetworkSettings(),
            preprocessing=PreprocessingSettings((0.5,), (0.5,)),
            protocol=ProtocolSettings(),
            data=DataSettings(),
        )
        return Parser(Opened(BrightestChannel(), config, SPACE, name, None), protocol=protocol)

    return make


@pytest.fixture
def parser(make_parser: MakeParser) -> Parser:
    return make_parser()


@pytest.fixture
def halves() -> NDArray[np.uint8]:
    """Red on the left, green on the right, 6 high, 8 wide."""
    pixels = np.zeros((6, 8, 3), np.uint8)
    pixels[:, :4, 0] = 200
    pixels[:, 4:, 1] = 200
    return pixels


@pytest.fixture
def pictures(tmp_path: Path, halves: NDArray[np.uint8]) -> Path:
    """A folder of four pictures, one below."""
    folder = tmp_path / "pictures"
    (folder / "below").mkdir(parents=True)
    for index, name in enumerate(("a", "b", "c", "below/d")):
        Image.fromarray(np.roll(halves, index, axis=1)).save(folder / f"{name}.png")
    return folder
