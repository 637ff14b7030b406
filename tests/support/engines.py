"""Engines of the tests, which need no network."""

from collections.abc import Sequence

from torch import Tensor


class GivenScores:
    """What an engine says of itself; the tests' engines add what they score."""

    name: str = "given"
    precision: str = "float32"
    num_classes: int
    align_corners: bool = False
    padding_color: Sequence[float] = (0.0, 0.0, 0.0)

    def __call__(self, images: Tensor) -> Tensor:
        """Score pictures as an engine does."""
        raise NotImplementedError

    def describe(self) -> str:
        """One line, as an engine gives it."""
        return self.name
