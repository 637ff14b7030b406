"""The neck of mmsegmentation's ViTs, which interpolates the maps (MultiLevelNeck)."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


class InterpolatingNeck(nn.Module):
    """A map per block, each mixed by a 1×1 convolution, resized for its stage and convolved once more.

    Args:
        channels: Channels of each block's map.
        powers: Power of two of each stage's scale.

    Attributes:
        channels: Channels of each stage.
    """

    def __init__(self, channels: Sequence[int], powers: Sequence[int]) -> None:
        super().__init__()
        self.channels = list(channels)
        self.powers = list(powers)
        self.laterals = nn.ModuleList(nn.Conv2d(width, width, 1) for width in channels)
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for width in channels)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Turn a map (N, channels, h, w) per block into a map per stage."""
        found = []
        for own, lateral, conv, power in zip(maps, self.laterals, self.convs, self.powers, strict=True):
            mixed = lateral(own)
            if power:
                mixed = F.interpolate(mixed, scale_factor=2.0**power, mode="bilinear", align_corners=False)
            found.append(conv(mixed))
        return found
