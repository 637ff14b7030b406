"""What an evaluation counts: whole numbers that pictures, and processes, add up to."""

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor

from sceneparse.data.sample import Sample
from sceneparse.tasks import Task

Answers = Mapping[Task, Tensor]
"""A model's answers for a picture: (H, W) class indices by task (of parts, channels of the part head), and () for the
scene's. Tasks that the model doesn't know are missing."""


class Accumulator(Protocol):
    """Counts over pictures, which figures are functions of. Made from the `TaskLabels` of the model."""

    @property
    def counts(self) -> Mapping[str, Tensor]:
        """The counts so far, int64, by names that no other accumulator uses. Those of several processes are added."""
        ...

    def update(self, sample: Sample, answers: Answers) -> None:
        """Add a picture; one without truth for what is counted changes nothing."""
        ...
