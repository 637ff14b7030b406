"""Random changes of colour as SSD and MMSegmentation make them (`PhotoMetricDistortion`).

Each change is made or not; none rounds to whole numbers, as MMSegmentation does after every one, but all cut off what
leaves 0..255, as it does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

BRIGHTNESS = 32
"""Largest change of brightness, of 255."""

FACTORS = (0.5, 1.5)
"""Range of the factors of contrast and of saturation."""

HUE = 18
"""Largest change of hue in steps of 2 degrees, in which OpenCV counts it."""


@dataclass(frozen=True)
class Photometric:
    """The changes that chance decided on; None where one is not made.

    Args:
        brightness: What is added, -32 to 32.
        contrast: The factor, 0.5 to 1.5.
        contrast_first: Whether contrast comes before saturation and hue, or after them.
        saturation: The factor, 0.5 to 1.5.
        hue: Degrees, -36 to 34 in steps of 2.
    """

    NUMBERS: ClassVar = 9
    """Random numbers that a draw takes."""

    brightness: float | None
    contrast: float | None
    contrast_first: bool
    saturation: float | None
    hue: int | None

    @classmethod
    def drawn(cls, numbers: Sequence[float]) -> "Photometric":
        """Decide by `NUMBERS` random numbers in 0..1: of each change first whether, then how much."""
        low, high = FACTORS
        order, *rest = numbers
        made = [one < 0.5 for one in rest[::2]]
        brightness, contrast, saturation, hue = rest[1::2]
        return cls(
            BRIGHTNESS * (2 * brightness - 1) if made[0] else None,
            low + (high - low) * contrast if made[1] else None,
            order < 0.5,
            low + (high - low) * saturation if made[2] else None,
            2 * (int(hue * 2 * HUE) - HUE) if made[3] else None,
        )

    def __call__(self, image: Tensor) -> Tensor:
        """Change a float picture (3, H, W) of values in 0..255; it may be changed in place."""
        if self.brightness is not None:
            image = image.add_(self.brightness).clamp_(0, 255)
        if self.contrast is not None and self.contrast_first:
            image = image.mul_(self.contrast).clamp_(0, 255)
        if self.saturation is not None:
            image = saturated(image, self.saturation)
        if self.hue is not None:
            image = turned_hue(image, self.hue)
        if self.contrast is not None and not self.contrast_first:
            image = image.mul_(self.contrast).clamp_(0, 255)
        return image


def saturated(image: Tensor, factor: float | Tensor) -> Tensor:
    """Multiply the saturation of a float picture (3, H, W), of hue, saturation and value; at most to 1.

    Hue and value stay, so every channel moves away from the largest by the same factor.
    """
    value = image.amax(dim=0)
    spread = value - image.amin(dim=0)
    limit = value / spread.clamp_(min=1e-6)
    return (image - value).mul_(limit.clamp_(max=factor)).add_(value)


def turned_hue(image: Tensor, degrees: float | Tensor) -> Tensor:
    """Turn the hue of a float picture (3, H, W), of hue, saturation and value, which both stay."""
    red, green, blue = image
    value = image.amax(dim=0)
    spread = value - image.amin(dim=0)
    # The hue, in sixths of the circle and times the spread, counts from the largest channel: from blue, unless green or
    # red is as large. With 0 and 1 as numbers, since masks and `where` take ten times as long on a CPU.
    hue = (red - green).add_(spread, alpha=4)
    largest = torch.empty_like(value)
    torch.eq(value, green, out=largest)
    hue.add_((blue - red).add_(spread, alpha=2).sub_(hue).mul_(largest))
    torch.eq(value, red, out=largest)
    hue.add_((green - blue).sub_(hue).mul_(largest))
    hue.div_(spread.clamp(min=1e-6)).add_(degrees / 60)
    turned = torch.empty_like(image)
    for channel, place in enumerate((5, 3, 1)):
        # How far this channel lies below the largest, of the spread: a trapezoid of the hue (Smith, SIGGRAPH 1978).
        way = hue + place
        way.sub_(torch.floor(way / 6).mul_(6))
        way = torch.minimum(way, 4 - way).clamp_(0, 1).mul_(spread)
        torch.sub(value, way, out=turned[channel])
    return turned
