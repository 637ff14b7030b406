"""What a training's record says of its end: that it was still learning, or that it had learnt its pictures by heart.

The score is that by which training chooses its best network: the mean IoU, or of a unified model the mean of its tasks'
headline figures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from sceneparse.diagnosing.trends import LEAST, Point, falls, rises, slope
from sceneparse.drawing.curves import VALIDATIONS
from sceneparse.evaluation.figures import FIGURES, mean_of_headlines

SHARE = 3
"""The last one of so many equal pieces of a training is its end."""
RISE = 0.005
"""By so much the score must have risen in it, 0..1."""
FALL = 0.01
"""By so much the score must have fallen since its best validation."""
LOSS_FALL = 0.03
"""By this share of itself the training loss must have fallen meanwhile."""
LAST = 3
"""Validations whose median stands for the end."""


@dataclass(frozen=True)
class Climbing:
    """A score that still rose when the training ended.

    Args:
        validations: Of so many, the last ones.
        first: The iteration of the first of them.
        last: That of the last.
        low: The score at the first by the slope through all of them, 0..1.
        high: That at the last.
    """

    validations: int
    first: int
    last: int
    low: float
    high: float


@dataclass(frozen=True)
class OverFitting:
    """A score that fell after its best while the training loss fell on.

    Args:
        best_iteration: When the best validation was.
        best: Its score, 0..1.
        last: The iteration of the last validation.
        end: The median of the last scores.
        loss_then: The training loss at the best validation, the median of some steps.
        loss_end: That at the end.
    """

    best_iteration: int
    best: float
    last: int
    end: float
    loss_then: float
    loss_end: float


@dataclass(frozen=True)
class History:
    """What a training's record says of its end.

    Args:
        validations: How many validations it has.
        climbing: Set if it was still learning.
        over_fitting: Set if it had learnt its pictures by heart.
        score: What its validations are compared by.
    """

    validations: int
    climbing: Climbing | None
    over_fitting: OverFitting | None
    score: str = "mean IoU"

    @classmethod
    def of(cls, lines: Sequence[Mapping[str, Any]]) -> "History":
        """Read the lines of a metrics.jsonl."""
        points = scores_of(lines)
        losses = [
            (float(line["iteration"]), float(line["loss"]))
            for line in lines
            if line.get("kind") == "train" and isinstance(line.get("loss"), int | float)
        ]
        return cls(len(points), still_climbing(points), over_fitting(points, losses), _score(lines))

    def to_json(self) -> dict[str, Any]:
        """For diagnosis.json; fractions 0..1, null where there is no such finding."""
        return {
            "validations": self.validations,
            "score": self.score,
            "still_climbing": None if self.climbing is None else asdict(self.climbing),
            "over_fitting": None if self.over_fitting is None else asdict(self.over_fitting),
        }


def scores_of(lines: Sequence[Mapping[str, Any]]) -> list[Point]:
    """Return the score of each validation by its iteration: the better one where averaged weights have one, too."""
    found: dict[float, float] = {}
    for line in lines:
        if line.get("kind") in VALIDATIONS and (score := mean_of_headlines(line)) is not None:
            when = float(line["iteration"])
            found[when] = max(found.get(when, 0.0), score)
    return sorted(found.items())


def _score(lines: Sequence[Mapping[str, Any]]) -> str:
    """What the validations are compared by, in words."""
    validations = [line for line in lines if line.get("kind") in VALIDATIONS]
    known = [one.title for key, one in FIGURES.usable() if one.headline and any(key in line for line in validations)]
    return f"mean of {', '.join(known[:-1])} and {known[-1]}" if len(known) > 1 else "".join(known) or "mean IoU"


def still_climbing(points: Sequence[Point]) -> Climbing | None:
    """Return how the score rose at a training's end; None where it did not surely, or not by much.

    Args:
        points: Iteration and score of its validations, in their order.
    """
    end = points[-max(LEAST, -(-len(points) // SHARE)) :]
    if len(end) < LEAST or not rises(end):
        return None
    best = max(range(len(end)), key=lambda index: end[index][1])
    pace = slope(end)
    # One high validation at the very end is not yet a rise.
    rise = min(pace, slope(end[:-1])) * (end[-1][0] - end[0][0])
    # A peak in the middle is noise, or the beginning of a fall.
    if rise < RISE or 2 * best < len(end) - 1 or end[best][1] < max(score for _, score in points):
        return None
    middle = median(score - pace * when for when, score in end)
    low, high = (middle + pace * when for when in (end[0][0], end[-1][0]))
    return Climbing(len(end), int(end[0][0]), int(end[-1][0]), low, high)


def over_fitting(points: Sequence[Point], losses: Sequence[Point]) -> OverFitting | None:
    """Return how the score fell after its best while the training loss fell on; None where it did not surely.

    Args:
        points: Iteration and score of the validations, in their order.
        losses: Iteration and training loss.
    """
    if not points:
        return None
    best = max(range(len(points)), key=lambda index: points[index][1])
    # Without the best itself, after which everything falls.
    after = points[best + 1 :]
    if len(after) < LEAST or not falls(after):
        return None
    then, last = points[best][0], points[-1][0]
    # A single best validation owes some of its height to chance: those beside it are looked at, too.
    around = median(score for _, score in points[max(best - 1, 0) : best + 2])
    end = median(score for _, score in points[-LAST:])
    reach = (last - then) / SHARE
    before = [loss for when, loss in losses if then - reach <= when <= then + reach / 2]
    late = [loss for when, loss in losses if last - reach <= when]
    if around - end < FALL or not before or not late or median(late) > (1 - LOSS_FALL) * median(before):
        return None
    return OverFitting(int(then), points[best][1], int(last), end, median(before), median(late))
