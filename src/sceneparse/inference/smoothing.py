"""Smooth a video's scores over time by averaging each frame's with those of the frames before."""

import torch
from torch import Tensor

from sceneparse.inference.deciding import threshold_of
from sceneparse.inference.engine import Engine
from sceneparse.inference.mirroring import mirror_image_of
from sceneparse.inference.tempering import temperatures_of


class SmoothedEngine:
    """An engine whose scores are an exponential average over frames: weight · before + (1 - weight) · now.

    It averages what the network gives, at the network's resolution, so it holds for every protocol: the windows, scales
    and mirror images of a frame are asked for in the same order as those of the frame before, and each is averaged with
    its own. Where the maps' sizes changed, the average begins anew.

    Args:
        engine: What scores a frame.
        weight: How much of the average stays from frame to frame, 0 (no smoothing) up to below 1.
    """

    def __init__(self, engine: Engine, weight: float) -> None:
        if not 0 <= weight < 1:
            raise ValueError(f"the weight of the frames before is {weight}, but must be 0 or more and below 1")
        self._engine, self._weight = engine, weight
        self.name, self.precision = engine.name, engine.precision
        self.num_classes, self.align_corners = engine.num_classes, engine.align_corners
        self.threshold = threshold_of(engine)
        self.mirror_image = mirror_image_of(engine)
        self.temperatures = temperatures_of(engine)
        self.padding_color = engine.padding_color
        self._before: list[Tensor] = []
        self._average: list[Tensor] = []
        self._raw: list[Tensor] = []

    def begin_frame(self, *, cut: bool = False) -> None:
        """Begin the next frame; after a scene cut the average starts anew."""
        self._before = [] if cut else self._average
        self._average, self._raw = [], []

    def __call__(self, images: Tensor) -> Tensor:
        """Score pictures; see `Engine`."""
        scores = self._engine(images)
        self._raw.append(scores)
        index = len(self._average)
        if index < len(self._before) and self._before[index].shape == scores.shape:
            scores = torch.lerp(scores, self._before[index], self._weight)
        self._average.append(scores)
        return scores

    def unsmoothed(self) -> "ReplayEngine":
        """Return an engine that gives this frame's own scores, without computing them again."""
        return ReplayEngine(self._engine, self._raw)

    def describe(self) -> str:
        """Describe in one line what computes, where and how."""
        return f"{self._engine.describe()}, smoothed over frames with weight {self._weight:g}"


class ReplayEngine:
    """An engine that gives scores recorded before, in the order in which they were recorded. See `Engine`.

    Args:
        engine: The engine.
        scores: What it gave.
    """

    def __init__(self, engine: Engine, scores: list[Tensor]) -> None:
        self.name, self.precision = engine.name, engine.precision
        self.num_classes, self.align_corners = engine.num_classes, engine.align_corners
        self.threshold = threshold_of(engine)
        self.mirror_image = mirror_image_of(engine)
        self.temperatures = temperatures_of(engine)
        self.padding_color = engine.padding_color
        self._scores = iter(scores)
        self._description = engine.describe()

    def __call__(self, images: Tensor) -> Tensor:  # noqa: ARG002 - an engine's argument
        """Return the next scores; pictures must be asked for as before."""
        return next(self._scores)

    def describe(self) -> str:
        """Describe in one line what computed, where and how."""
        return self._description
