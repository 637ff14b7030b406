"""Where a network's time goes: preparing the picture, the backbone, the head, and the labels of every pixel."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sceneparse.devices import wait
from sceneparse.inference.engine import TorchEngine
from sceneparse.inference.protocol import TestProtocol
from sceneparse.inference.scoring import label


class ComponentTimes(NamedTuple):
    """Milliseconds that each component takes for one picture.

    Args:
        picture: Bringing it to the device and normalising it.
        backbone: The features.
        head: From features to logits: everything of the network but the backbone.
        labels: From logits to the label of every pixel, on the CPU.
    """

    picture: float
    backbone: float
    head: float
    labels: float


class ComponentTimer:
    """A function that labels a picture and keeps the time of each component at every call in `calls`.

    The network is computed as it comes, also where the engine would replay a graph.

    Args:
        engine: Not compiled: compiled code cannot be timed component by component.
        image: (C, H, W) uint8, tested whole.
    """

    def __init__(self, engine: TorchEngine, image: Tensor):
        self.engine, self.image = engine, image
        self.calls: list[ComponentTimes] = []

    def __call__(self) -> None:
        """Label the picture once."""
        with self._marks() as marks:
            self._mark(marks)
            label(self.engine, self.image, TestProtocol())
            self._mark(marks)
        self.calls.append(ComponentTimes(*(1000 * (after - before) for before, after in pairwise(marks))))

    @contextmanager
    def _marks(self) -> Iterator[list[float]]:
        """Record the times at which the backbone begins and ends and the network ends, in this order.

        No graph is recorded or replayed meanwhile: it would call the network more than once, or not at all.
        """
        marks: list[float] = []
        graphs, self.engine.graphs = self.engine.graphs, None

        def mark(*_: object) -> None:
            self._mark(marks)

        network: nn.Module = self.engine.network
        backbone = self.engine.network.backbone
        handles = [
            backbone.register_forward_pre_hook(mark),
            backbone.register_forward_hook(mark),
            network.register_forward_hook(mark),
        ]
        try:
            yield marks
        finally:
            self.engine.graphs = graphs
            for handle in handles:
                handle.remove()

    def _mark(self, marks: list[float]) -> None:
        wait(self.engine.device)
        marks.append(time.perf_counter())


def boundary_share(logits: Tensor) -> float:
    """Return the share of cells between four pixels of a map (classes, h, w) whose corners differ in their winner.

    It decides how long labels take: only such cells need work.
    """
    winners = logits.argmax(dim=0)
    first, *others = winners[:-1, :-1], winners[:-1, 1:], winners[1:, :-1], winners[1:, 1:]
    return float(torch.stack([other != first for other in others]).any(dim=0).float().mean())
