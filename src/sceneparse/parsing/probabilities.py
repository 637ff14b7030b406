"""The most probable classes of every pixel of a parse, computed when they are asked for."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sceneparse.inference.engine import Engine
from sceneparse.inference.protocol import TestProtocol
from sceneparse.inference.ranking import Ranking, rank, rank_task
from sceneparse.labels import IGNORE, TaskLabels
from sceneparse.tasks import Task


class Probabilities(NamedTuple):
    """The most probable classes of every pixel: `classes, probabilities = parse.probabilities(3)`.

    Args:
        classes: (k, H, W) int16 class indices, the most probable first; -1 for "no part", and where an object has fewer
            parts than were asked for.
        probabilities: (k, H, W) float32, 0..1; 0 where there is no class.
    """

    classes: NDArray[np.int16]
    probabilities: NDArray[np.float32]

    def __repr__(self) -> str:
        count, height, width = self.classes.shape
        return f"Probabilities({width}×{height}, the {count} most probable classes)"


@dataclass(frozen=True, eq=False)
class Source:
    """What a parse came from, so that its model can be asked for more.

    Args:
        engine: What gives scores.
        tasks: The label spaces of a unified model's tasks.
        image: (C, H, W) uint8; None where the parse's own picture has all of it.
    """

    engine: Engine
    tasks: TaskLabels | None
    image: Tensor | None

    @classmethod
    def of(cls, engine: Engine, tasks: TaskLabels | None, image: Tensor) -> "Source":
        """Return the source of a parse; it keeps the picture alive only if that has more than can be seen of it."""
        return cls(engine, tasks, None if len(image) == 3 else image)

    def probabilities(
        self, pixels: NDArray[np.uint8], size: tuple[int, int], protocol: TestProtocol, task: Task, count: int
    ) -> Probabilities:
        """Compute the most probable classes.

        Args:
            pixels: The parse's picture, (h, w, 3), as the network was given it.
            size: Its own height and width.
            protocol: How it was tested.
            task: Whose label map.
            count: How many classes.
        """
        image = torch.from_numpy(pixels).permute(2, 0, 1).contiguous() if self.image is None else self.image
        if self.tasks is None:
            return _of(rank(self.engine, image, protocol, count, size))
        found = rank_task(self.engine, image, protocol, self.tasks, task, count, size)
        if task is not Task.PART:
            return _of(found)
        assert self.tasks.tree is not None
        # The entry after the last channel is the one that index -1 picks.
        part_of = np.array([part for _, part in self.tasks.tree.channels] + [IGNORE], dtype=np.int16)
        return Probabilities(part_of[found.classes.numpy()], found.probabilities.numpy())


def _of(found: Ranking) -> Probabilities:
    return Probabilities(found.classes.numpy(), found.probabilities.numpy())
