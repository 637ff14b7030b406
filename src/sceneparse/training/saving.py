"""When a checkpoint is due by the clock, and how much of a training that breaks off is lost at most."""

import time

from sceneparse.errors import counted
from sceneparse.settings import TrainingSettings
from sceneparse.training.durations import in_words


class CheckpointClock:
    """The time since the last checkpoint.

    Where several processes train together, that of the first decides: the others get to know with a step's losses.

    Args:
        minutes: Minutes between checkpoints at most; None where time makes none.

    Attributes:
        due: Whether a checkpoint is due, as the last step that was looked at says, in all processes alike.
    """

    def __init__(self, minutes: float | None) -> None:
        self._minutes, self._last = minutes, time.monotonic()
        self.due = False

    def over(self) -> bool:
        """Return whether the time is over by the clock of this process."""
        return self._minutes is not None and time.monotonic() - self._last >= 60 * self._minutes

    def restart(self) -> None:
        """Begin anew, after a checkpoint."""
        self.due, self._last = False, time.monotonic()


def by_time(iterations: int, step: float, training: TrainingSettings) -> int:
    """Return how many checkpoints are made because of the time, at most.

    Args:
        iterations: The length of the training.
        step: Seconds of a step.
        training: When checkpoints are due.
    """
    if training.checkpoint_minutes is None:
        return 0
    between = 60 * training.checkpoint_minutes
    return int(iterations * step // between) if training.checkpoint_every * step > between else 0


def how_often(training: TrainingSettings) -> str:
    """Return in words how often a checkpoint is written: what is done since the last one is lost in a crash."""
    every, minutes = training.checkpoint_every, training.checkpoint_minutes
    steps = "every iteration" if every == 1 else f"every {counted(every, 'iteration')}"
    return f"a checkpoint {steps}{'' if minutes is None or every == 1 else f', or {in_words(minutes)}'}"
