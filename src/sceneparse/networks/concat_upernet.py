"""The UPerNet re-implementation whose feature pyramid concatenates instead of adding."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from sceneparse.networks.backbones import Backbone
from sceneparse.networks.base import SceneParser
from sceneparse.networks.exact.convolution import FORMULATIONS, ConcatConv2d, Resampling
from sceneparse.networks.heads import ConvNormReLU, convolution
from sceneparse.networks.pyramid import Branch, Pool, PyramidPooling

ENLARGED = 4
"""How much the fused map is enlarged before it is classified: to the picture's size, from stride 4."""


class ConcatUPerNet(SceneParser):
    """A feature pyramid whose levels concatenate each stage's own map and the level above.

    Every level keeps its stage's width, all convolutions but the classifier are 1×1, and the classifier sees 3×3 pixels
    of the fused map enlarged four times, so that logits come at stride 1 for pictures whose sides are multiples of 4.

    Args:
        backbone: The feature extractor at output stride 32.
        num_classes: Number of classes.
        channels: Width of the fused map.
        bins: Grid sizes of the pyramid pooling.
        pool: Pooling of the pyramid; "max" in that code.
        branch_channels: Width of each reduced grid; None means `channels`.
        branch: What reduces a pooled map; "bias" in that code.
        aux: Whether there is an auxiliary head on stage 3.
        aux_channels: Width of the auxiliary head; None means a quarter of stage 3's, at least 64.
        dropout: Probability of dropping a channel before the classifiers.
        align_corners: How maps are resized.
        resampling: "exact" computes convolutions over resized maps before resizing: the same numbers for less work;
            "plain" as that code does.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        channels: int = 512,
        bins: Sequence[int] = (1, 2, 3, 6),
        pool: Pool = "max",
        branch_channels: int | None = None,
        branch: Branch = "bias",
        aux: bool = True,
        aux_channels: int | None = None,
        dropout: float = 0.1,
        align_corners: bool = False,
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
        *lower, top = backbone.channels
        concat = partial(ConcatConv2d, align_corners=align_corners, resampling=resampling)
        self.pyramid = PyramidPooling(top, bins, branch_channels=branch_channels or channels, pool=pool, branch=branch)
        self.top = ConvNormReLU(self.pyramid.channels, top, 1, make=concat)
        self.laterals = nn.ModuleList(ConvNormReLU(width, width, 1) for width in lower)
        self.merges = nn.ModuleList(
            ConvNormReLU([width, above], width, 1, make=concat)
            for width, above in zip(lower, backbone.channels[1:], strict=True)
        )
        self.fusion = ConvNormReLU(backbone.channels, channels, 1, make=concat)
        self.dropout = nn.Dropout2d(dropout)
        self.classifier = convolution(channels, num_classes, 3, bias=True)
        self.resampling: Resampling = resampling

    def fuse(self, features: list[Tensor]) -> Tensor:
        """Turn the features of stages 1 to 4 into the fused map (N, channels, h, w) at stride 4."""
        levels = [self.top(self.pyramid(features[3]))]
        for maps, lateral, merge in reversed(list(zip(features, self.laterals, self.merges, strict=False))):
            levels.insert(0, merge([lateral(maps), levels[0]]))
        fused: Tensor = self.fusion(levels)
        return fused

    def decode(self, features: list[Tensor]) -> Tensor:
        """Turn the features of stages 1 to 4 into logits at four times stage 1's size."""
        return self._classify(self.dropout(self.fuse(features)))

    def _classify(self, fused: Tensor) -> Tensor:
        """Apply the classifier to the enlarged map.

        The formulations of a convolution over several maps take one that has the result's size already: here one
        channel of zeros, so that the enlarged map need not be made.
        """
        count, _, height, width = fused.shape
        weight = self.classifier.weight.to(fused.dtype)
        bias = None if self.classifier.bias is None else self.classifier.bias.to(fused.dtype)
        zeros = fused.new_zeros(count, 1, ENLARGED * height, ENLARGED * width)
        padded = torch.cat([torch.zeros_like(weight[:, :1]), weight], dim=1)
        return FORMULATIONS[self.resampling]([zeros, fused], padded, bias, self.align_corners)
