"""What a picture costs a model: seconds for each pixel that its network sees, and for each pixel of the answer."""

from dataclasses import dataclass

_STEP = 0.3
"""So much of the difference between a parse and what was foreseen is taken over."""

_MEASURED_STEP = 0.6
"""The same of a measurement, which nothing of a client's disturbs."""

_TRUST = 4.0
"""A parse counts as at most so many times as long as foreseen: a single one may have met something else."""

_SHARE = 1 / 10
"""A rate is corrected as if it were at least this share of the other one: from nothing it could never rise."""


@dataclass(frozen=True)
class Timing:
    """How long a parse took.

    Args:
        seen: Pixels that the network saw, over all scales, windows and mirror images.
        own: Pixels of the picture itself, each of which gets its labels and confidences.
        seconds: How long it took.
    """

    seen: int
    own: int
    seconds: float


class Cost:
    """Two rates, in seconds a pixel: of the network, and of deciding labels and confidences.

    Both are corrected after every parse, each in proportion to what it contributed to the time foreseen (proportionate
    normalised least mean squares). So a large picture that the network sees small says little about the network, small
    pictures say little about large answers, and pictures of one kind alone cannot pull the rates apart.
    """

    def __init__(self) -> None:
        self._network = self._deciding = 0.0

    def foreseen(self, seen: int, own: int) -> float:
        """Return how many seconds a parse of so many pixels would take; 0 while nothing is known."""
        return self._network * seen + self._deciding * own

    def observe(self, timing: Timing, step: float = _STEP) -> None:
        """Correct the rates by a parse.

        Args:
            timing: The parse.
            step: So much of the difference is taken over, 0 to 1.
        """
        foreseen = self.foreseen(timing.seen, timing.own)
        if not foreseen:  # nothing tells the two apart yet
            self._network = self._deciding = timing.seconds / (timing.seen + timing.own)
            return
        error = step * (min(timing.seconds, _TRUST * foreseen) - foreseen)
        least = _SHARE * max(self._network, self._deciding)
        network, deciding = max(self._network, least), max(self._deciding, least)
        seen, own = network * timing.seen, deciding * timing.own
        error /= seen**2 + own**2
        self._network = max(0.0, self._network + error * network * seen)
        self._deciding = max(0.0, self._deciding + error * deciding * own)

    def measured(self, small: Timing, large: Timing | None) -> None:
        """Set the rates by measurements, or correct them where they are known.

        Args:
            small: Of a small picture.
            large: Of a picture with many more pixels than the network sees of it; None where there is none such.
        """
        if self.foreseen(1, 1):
            self.observe(small, _MEASURED_STEP)
            if large is not None:
                self.observe(large, _MEASURED_STEP)
            return
        self._deciding = 0.0
        if large is not None:  # two equations with two unknowns, kept from below 0
            both = small.seen * large.own - large.seen * small.own
            apart = (small.seen * large.seconds - large.seen * small.seconds) / both
            self._deciding = min(max(0.0, apart), large.seconds / large.own)
        self._network = max(0.0, small.seconds - self._deciding * small.own) / small.seen
