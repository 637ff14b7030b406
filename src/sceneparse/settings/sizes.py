"""The sizes of the pictures that a network learnt from."""

from dataclasses import dataclass

from sceneparse.errors import require
from sceneparse.settings.types import check_types


@dataclass(frozen=True)
class LearntSizes:
    """The short sides, in pixels, of the pictures that a network learnt from; all null where that is not known.

    Args:
        short: The median over the training pictures, at the middle of what augmentation resizes them to.
        largest: 19 of 20 training pictures are no larger, at that middle. Larger ones are parsed at `short`.
        seen: Between these two are 9 of 10 training pictures, after augmentation has resized them at random.
    """

    short: int | None = None
    largest: int | None = None
    seen: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        check_types(self, "sizes")
        given = [value for value in (self.short, self.largest, self.seen) if value is not None]
        require(
            len(given) in (0, 3) and all(min(value if isinstance(value, tuple) else (value,)) >= 1 for value in given),
            f"sizes are {self.short}, {self.largest} and {self.seen}, but must be positive numbers or all be null",
        )

    @property
    def known(self) -> bool:
        """Whether anything is known."""
        return self.short is not None
