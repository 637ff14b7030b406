"""DeepLabv3 (Chen et al., 2017, arXiv 1706.05587)."""

from collections.abc import Sequence
from functools import partial
from math import log2

import torch
from torch import Tensor, nn

from sceneparse.errors import UserError
from sceneparse.networks.backbones import Backbone
from sceneparse.networks.base import SceneParser
from sceneparse.networks.exact.convolution import ConcatConv2d, Resampling
from sceneparse.networks.heads import ConvNormReLU, Head
from sceneparse.networks.pyramid import PooledBatchNorm


class AtrousPyramid(nn.Module):
    """Atrous spatial pyramid pooling (section 3.3, figure 5).

    A 1×1 convolution, 3×3 ones at several dilations, and the mean of the whole picture behind a 1×1 convolution, each
    with batch norm and ReLU, are concatenated and mixed by one more 1×1 convolution. The mean is one cell, resized back
    by copying it: `ConcatConv2d` multiplies it once instead of at every pixel.

    Args:
        in_channels: Channels of the map.
        channels: Width of each branch and of the result.
        rates: Dilations of the 3×3 convolutions.
        resampling: As in `ConcatConv2d`.
    """

    def __init__(self, in_channels: int, channels: int, rates: Sequence[int], resampling: Resampling):
        super().__init__()
        self.point = ConvNormReLU(in_channels, channels, 1)
        self.atrous = nn.ModuleList(ConvNormReLU(in_channels, channels, 3) for _ in rates)
        for layer, rate in zip(self.atrous, rates, strict=True):
            assert isinstance(layer, ConvNormReLU)
            layer.conv.dilation = layer.conv.padding = (rate, rate)
        self.mean = ConvNormReLU(in_channels, channels, 1, norm=PooledBatchNorm)
        # One cell is resized to itself everywhere, whatever its corners are aligned with.
        concat = partial(ConcatConv2d, align_corners=False, resampling=resampling)
        self.mix = ConvNormReLU([(1 + len(rates)) * channels, channels], channels, 1, make=concat)

    def forward(self, maps: Tensor) -> Tensor:
        """Turn (N, in_channels, h, w) into (N, channels, h, w)."""
        local = torch.cat([self.point(maps), *(layer(maps) for layer in self.atrous)], dim=1)
        mixed: Tensor = self.mix([local, self.mean(maps.mean(dim=(2, 3), keepdim=True))])
        return mixed


class DeepLabV3(SceneParser):
    """A dilated backbone, atrous spatial pyramid pooling on stage 4, and a head.

    The rates are those of output stride 8, (12, 24, 36), and halve at stride 16 (section 4.1).

    Args:
        backbone: The feature extractor.
        num_classes: Number of classes.
        channels: Width of every layer (256 in the paper).
        aux: Whether there is an auxiliary head on stage 3.
        dropout: Probability of dropping a value behind the pyramid, and a channel before the auxiliary classifier.
        align_corners: How the logits want to be resized.
        aux_channels: Width of the auxiliary head; None means a quarter of stage 3's, at least 64.
        resampling: "exact" multiplies the picture's mean once; "plain" resizes it first.

    Raises:
        UserError: A backbone at output stride 32, for which there are no rates.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        channels: int = 256,
        aux: bool = True,
        dropout: float = 0.1,
        align_corners: bool = False,
        aux_channels: int | None = None,
        resampling: Resampling = "exact",
    ):
        super().__init__(
            backbone,
            num_classes,
            aux=aux,
            aux_channels=aux_channels,
            dropout=dropout,
            align_corners=align_corners,
        )
        # A plain ViT's patches may be of 14 pixels.
        stride = 2 ** round(log2(backbone.strides[-1]))
        if stride not in RATES:
            raise UserError(f"network deeplabv3: output stride {stride} has no dilation rates; choose 8 or 16")
        self.pyramid = AtrousPyramid(backbone.channels[3], channels, RATES[stride], resampling)
        self.dropout = nn.Dropout(dropout)
        self.head = Head(channels, channels, num_classes, 0.0)

    def decode(self, features: list[Tensor]) -> Tensor:
        """Turn the features of stages 1 to 4 into logits at stage 4's size."""
        logits: Tensor = self.head(self.dropout(self.pyramid(features[3])))
        return logits


RATES = {8: (12, 24, 36), 16: (6, 12, 18)}
"""Dilations of the pyramid, by output stride."""
