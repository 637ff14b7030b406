"""UPerNet (Xiao et al., ECCV 2018, arXiv 1807.10221)."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

from torch import Tensor, nn

from sceneparse.networks.backbone import Backbone
from sceneparse.networks.base import SceneParser
from sceneparse.networks.exact import ConcatConv2d, Resampling
from sceneparse.networks.heads import ConvNormReLU, Head
from sceneparse.networks.pyramid import PyramidPooling
from sceneparse.networks.resample import resize


class UPerNet(SceneParser):
    """A feature pyramid with pyramid pooling on its top level, all levels fused at stride 4 (section 3.2, figure 4).

    Args:
        backbone: The feature extractor at output stride 32.
        num_classes: Number of classes.
        channels: Width of every level, of each reduced grid of the pyramid pooling, and of the head.
        bins: Grid sizes of the pyramid pooling.
        pool: Pooling of the pyramid.
        aux: Whether there is an auxiliary head on stage 3.
        dropout: Probability of dropping a channel before each classifier.
        align_corners: How maps are resized.
        branch_channels: Width of a reduced grid; None means `channels`.
        aux_channels: Width of the auxiliary head; None means a quarter of stage 3's, at least 64.
        resampling: "exact" computes convolutions over resized maps before resizing: the same numbers for less work;
            "plain" as written in the paper.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        channels: int = 512,
        bins: Sequence[int] = (1, 2, 3, 6),
        pool: Literal["avg", "max"] = "avg",
        aux: bool = True,
        dropout: float = 0.1,
        align_corners: bool = False,
        branch_channels: int | None = None,
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
        *lower, top = backbone.channels
        concat = partial(ConcatConv2d, align_corners=align_corners, resampling=resampling)
        self.pyramid = PyramidPooling(top, bins, branch_channels=branch_channels or channels, pool=pool)
        self.top = ConvNormReLU(self.pyramid.channels, channels, 3, make=concat)
        self.laterals = nn.ModuleList(ConvNormReLU(width, channels, 1) for width in lower)
        self.levels = nn.ModuleList(ConvNormReLU(channels, channels, 3) for _ in lower)
        self.head = Head([channels] * len(backbone.channels), channels, num_classes, dropout, make=concat)

    def merge(self, features: list[Tensor]) -> list[Tensor]:
        """Features of stages 1 to 4 to the levels (N, channels, h, w) at strides 4 to 32, finest first."""
        above = self.top(self.pyramid(features[3]))
        levels = [above]
        for maps, lateral, level in reversed(list(zip(features, self.laterals, self.levels, strict=False))):
            size = (maps.shape[-2], maps.shape[-1])
            above = lateral(maps) + resize(above, size, self.align_corners)
            levels.insert(0, level(above))
        return levels

    def decode(self, features: list[Tensor]) -> Tensor:
        """Features of stages 1 to 4 to logits at stride 4."""
        logits: Tensor = self.head(self.merge(features))
        return logits
