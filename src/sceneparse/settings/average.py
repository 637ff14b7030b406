"""Settings of the moving average of the weights."""

from dataclasses import dataclass

from sceneparse.errors import require
from sceneparse.settings.types import check_types


@dataclass(frozen=True)
class AverageSettings:
    """An exponential moving average of the weights, kept and validated beside those that learn.

    Args:
        decay: What is kept of the average in an iteration, such as 0.999; less in the first ones, (1 + n) / (10 + n)
            after n. Null keeps no average.
        every: Iterations between two updates; each counts for all of them, so that a larger number saves time and
            leaves the average about what it is.
    """

    decay: float | None = None
    every: int = 1

    def __post_init__(self) -> None:
        check_types(self, "training.average")
        decay, every = self.decay, self.every
        require(
            decay is None or 0 < decay < 1,
            f"training.average.decay is {decay}, but must be above 0 and below 1, or null for no average",
        )
        require(every >= 1, f"training.average.every is {every}, but must be at least 1")
        require(
            decay is not None or every == 1,
            "training.average.every has no effect, since training.average.decay is null: there is no average",
        )
