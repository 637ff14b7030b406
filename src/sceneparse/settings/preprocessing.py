"""Settings of the preprocessing: what the network sees of a picture."""

from dataclasses import dataclass

from sceneparse.errors import require
from sceneparse.settings.types import check_types


@dataclass(frozen=True)
class PreprocessingSettings:
    """What the network sees of a picture: (value / 255 - mean) / std.

    Args:
        mean: Mean of each channel, 0..1.
        std: Standard deviation of each channel, 0..1.
    """

    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)

    def __post_init__(self) -> None:
        check_types(self, "preprocessing")
        require(
            len(self.mean) == len(self.std),
            "preprocessing.mean and preprocessing.std must have one value for each channel",
        )
        require(
            all(0 <= value <= 1 for value in self.mean),
            f"preprocessing.mean is {list(self.mean)}, but must be in 0..1: divide values of 0..255 by 255",
        )
        require(min(self.std, default=1) > 0, f"preprocessing.std is {list(self.std)}, but must be positive")
