"""Necks of a plain ViT: maps of growing stride, made of maps that all have the stride of its patches.

A neck's scales are powers of two: 4, 2, 1 and 1/2 for patches of 14 or 16 pixels.
"""

from collections.abc import Sequence

from timm.layers.norm import LayerNorm2d
from torch import Tensor, nn

SIMPLE_CHANNELS = 256
"""Width of the simple feature pyramid's maps (ViTDet)."""


class MultilevelNeck(nn.Module):
    """A map per block, each scaled for its stage (BEiT, and mmsegmentation's Feature2Pyramid).

    Scaled up by transposed convolutions of 2×2, with batch norm and GELU between two; scaled down by pooling.

    Args:
        channels: Channels of each block's map.
        powers: Power of two of each stage's scale.

    Attributes:
        channels: Channels of each stage.
    """

    def __init__(self, channels: Sequence[int], powers: Sequence[int]) -> None:
        super().__init__()
        self.channels = list(channels)
        self.scales = nn.ModuleList(
            _scale(power, [width] * (1 + max(power, 0)), nn.BatchNorm2d)
            for width, power in zip(channels, powers, strict=True)
        )

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Turn a map (N, channels, h, w) per block into a map per stage."""
        return [scale(own) for scale, own in zip(self.scales, maps, strict=True)]


class SimpleNeck(nn.Module):
    """The simple feature pyramid: all stages from the last block's map (ViTDet, arXiv 2203.16527, section 3).

    Each transposed convolution halves the channels; a 1×1 and a 3×3 convolution with layer norm end each stage.

    Args:
        channels: Channels of each block's map, of which the last is taken.
        powers: Power of two of each stage's scale.

    Attributes:
        channels: Channels of each stage.
    """

    def __init__(self, channels: Sequence[int], powers: Sequence[int]) -> None:
        super().__init__()
        self.channels = [SIMPLE_CHANNELS] * len(powers)
        self.scales = nn.ModuleList()
        for power in powers:
            widths = [max(channels[-1] >> step, 1) for step in range(1 + max(power, 0))]
            self.scales.append(
                nn.Sequential(
                    _scale(power, widths, LayerNorm2d),
                    nn.Conv2d(widths[-1], SIMPLE_CHANNELS, 1, bias=False),
                    LayerNorm2d(SIMPLE_CHANNELS),
                    nn.Conv2d(SIMPLE_CHANNELS, SIMPLE_CHANNELS, 3, padding=1, bias=False),
                    LayerNorm2d(SIMPLE_CHANNELS),
                )
            )

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Turn the last of the maps (N, channels, h, w) into a map per stage."""
        return [scale(maps[-1]) for scale in self.scales]


def _scale(power: int, widths: Sequence[int], norm: type[nn.Module]) -> nn.Module:
    """Make the layers that scale a map by a power of two."""
    if power < 0:
        return nn.MaxPool2d(2**-power)
    layers: list[nn.Module] = []
    for before, after in zip(widths, widths[1:], strict=False):
        if layers:
            layers += [norm(before), nn.GELU()]
        layers.append(nn.ConvTranspose2d(before, after, 2, stride=2))
    return nn.Sequential(*layers)
