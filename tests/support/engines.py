"""Engines of the tests, which need no network, and the network of those that do."""

from collections.abc import Sequence

import torch
from torch import Tensor

from sceneparse.networks import SceneParser
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build


def converted_network() -> SceneParser:
    """The PSPNet of all tests to which it is all one what another runtime computes: it is converted once for each."""
    torch.manual_seed(0)
    return build(BackboneSettings("resnet10t"), NetworkSettings(channels=16, aux=False, bins=(1, 3)), 5).eval()


class GivenScores:
    """What an engine says of itself; the tests' engines add what they score."""

    name: str = "given"
    precision: str = "float32"
    num_classes: int
    align_corners: bool = False
    padding_color: Sequence[float] = (0.0, 0.0, 0.0)

    def __call__(self, images: Tensor) -> Tensor:
        """Score pictures as an engine does."""
        raise NotImplementedError

    def describe(self) -> str:
        """One line, as an engine gives it."""
        return self.name
