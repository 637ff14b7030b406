"""An engine that needs no network, and parsers of it: the brightest channel is the class."""

import threading
from collections.abc import Sequence

import torch
from torch import Tensor

from sceneparse.inference import Opened
from sceneparse.labels import LabelSpace
from sceneparse.parsing import Parser
from sceneparse.settings import (
    BackboneSettings,
    DataSettings,
    LearntSizes,
    NetworkSettings,
    PreprocessingSettings,
    ProtocolSettings,
)
from sceneparse.weights.config import ModelConfig


class BrightestChannel:
    """Class 0 where red is the brightest, 1 for green, 2 for blue. While `gate` is shut, it takes its time."""

    name = "brightest"
    precision = "float32"
    num_classes = 3
    align_corners = False
    padding_color: Sequence[float] = (0.0, 0.0, 0.0)

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.batches: list[int] = []

    @property
    def calls(self) -> int:
        return len(self.batches)

    def __call__(self, images: Tensor) -> Tensor:
        self.batches.append(len(images))
        self.gate.wait(60)
        scores = images.float() / 32
        return scores if scores.shape[1] == 3 else scores[:, :1].expand(-1, 3, -1, -1).clone()

    def describe(self) -> str:
        return "the brightest channel"


POISON = 77
"""A picture whose first pixel is this grey has scores that are not finite on `OnGpu`."""


class OnGpu(BrightestChannel):
    """Says that it computes on a GPU, beside the program; there is room for some pictures."""

    device, runs_beside = torch.device("cuda"), True

    def __init__(self, room: int = 8) -> None:
        super().__init__()
        self.room = room

    def __call__(self, images: Tensor) -> Tensor:
        scores = super().__call__(images)
        if len(images) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        scores[(images[:, :, 0, 0] == POISON).all(dim=1), :, 0, 0] = torch.nan
        return scores


def brightest_parser(
    engine: BrightestChannel | None = None,
    *,
    labels: LabelSpace,
    name: str = "brightest",
    channels: int = 3,
    protocol: ProtocolSettings | None = None,
    sizes: LearntSizes | None = None,
    data: DataSettings | None = None,
) -> Parser:
    """A parser of one task."""
    config = ModelConfig(
        name=name,
        backbone=BackboneSettings(in_channels=channels),
        network=NetworkSettings(),
        preprocessing=PreprocessingSettings((0.5,), (0.5,)),
        protocol=ProtocolSettings(),
        data=data or DataSettings(),
        sizes=sizes or LearntSizes(),
    )
    return Parser(Opened(engine or BrightestChannel(), config, labels, name, None), protocol=protocol)
