"""Early stopping: a training ends when its score has not become better for a while."""

from dataclasses import dataclass
from typing import Any


@dataclass
class Patience:
    """Counts the validations since the last better score.

    A score counts as better when it is above the best that counted by more than `min_delta`. The schedule knows nothing
    of it: a training that ends early has been one of its full length until then.

    Args:
        limit: Validations without a better score after which it is over; None: never.
        min_delta: How much better a score must be.
        best: The best score that counted; None before the first.
        waited: Validations since then.
    """

    limit: int | None
    min_delta: float
    best: float | None = None
    waited: int = 0

    def note(self, score: float) -> None:
        """Take a validation's score: the best, where it scored several networks."""
        if self.best is None or score > self.best + self.min_delta:
            self.best, self.waited = score, 0
        else:
            self.waited += 1

    @property
    def over(self) -> bool:
        """Whether the training ends."""
        return self.limit is not None and self.waited >= self.limit

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of it."""
        return {"best": self.best, "waited": self.waited}
