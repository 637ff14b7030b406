"""Fit a temperature: the number by which logits are divided so that a network is right as often as it says.

Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, section 4.2: it minimises the
negative log-likelihood of the truth. That is convex in the temperature's inverse, so there is one minimum, which
Newton's method between two bounds finds in a few steps.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from sceneparse.diagnosing.calibration import Calibration, CalibrationCounts
from sceneparse.inference.deciding import HALF, decided

LOWEST, HIGHEST = 0.05, 20.0
"""The bounds. A best temperature beyond them is that of labels that are all right, or no better than chance."""

NOTHING = -1e9
"""The logit of a class that a pixel cannot have."""

STEPS, PRECISION, DIGITS = 100, 1e-9, 6
"""Newton's steps at most, the relative change after which there is no other, and the digits that are kept: threads add
up in another order.
"""

AT_ONCE = 1 << 20
"""Logits that are looked at together."""


@dataclass(frozen=True)
class Scored:
    """Labelled pixels (or pictures) and what a model says of them.

    Args:
        logits: (N, classes) float32, the largest of each is 0; `NOTHING` of classes that one cannot have.
        truth: (N,) int64.
        threshold: Of two classes, the second is taken where its probability is above this.
    """

    logits: Tensor
    truth: Tensor
    threshold: float = HALF

    def __len__(self) -> int:
        return len(self.truth)

    def pieces(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield logits, in float64, and truth of some at a time."""
        step = max(1, AT_ONCE // self.logits.shape[1])
        for logits, truth in zip(self.logits.split(step), self.truth.split(step), strict=True):
            yield logits.double(), truth


def fit_temperature(scored: Scored) -> float | None:
    """Return the temperature of the least negative log-likelihood; None where none between the bounds has it."""
    low, high = 1 / HIGHEST, 1 / LOWEST
    if not _slope(scored, low)[0] < 0 < _slope(scored, high)[0]:
        return None
    inverse = 1.0
    for _ in range(STEPS):
        first, second = _slope(scored, inverse)
        low, high = (inverse, high) if first < 0 else (low, inverse)
        newton = inverse - first / second if second > 0 else low
        following = newton if low < newton < high else (low + high) / 2
        done = abs(following - inverse) <= PRECISION * inverse
        inverse = following
        if done:
            break
    return float(f"{1 / inverse:.{DIGITS}g}")


def _slope(scored: Scored, inverse: float) -> tuple[float, float]:
    """The first and the second derivative of the negative log-likelihood by the temperature's inverse."""
    first = second = 0.0
    for logits, truth in scored.pieces():
        chances = (inverse * logits).softmax(dim=1)
        mean = (chances * logits).sum(dim=1)
        first += float((mean - logits.gather(1, truth[:, None])[:, 0]).sum())
        second += float(((chances * logits.square()).sum(dim=1) - mean.square()).sum())
    return first / len(scored), second / len(scored)


def likelihood(scored: Scored, temperature: float) -> float:
    """Return the mean negative log-likelihood of the truth under a temperature, in nats."""
    total = 0.0
    for logits, truth in scored.pieces():
        divided = logits / temperature
        total += float((divided.logsumexp(dim=1) - divided.gather(1, truth[:, None])[:, 0]).sum())
    return total / len(scored)


def calibration(scored: Scored, temperature: float) -> Calibration:
    """Return whether labels are right as often as the model says under a temperature."""
    counts = CalibrationCounts()
    for logits, truth in scored.pieces():
        labels = decided(logits, scored.threshold, dim=1)
        sure = (logits / temperature).softmax(dim=1).gather(1, labels[:, None])[:, 0]
        counts.add(sure.float().numpy(), (labels == truth).numpy())
    return counts.result()
