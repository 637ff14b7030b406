"""UPerNet (Xiao et al., ECCV 2018, arXiv 1807.10221) for one task."""

from functools import partial
from typing import Unpack

from torch import Tensor

from sceneparse.networks.backbones import STRIDES, Backbone
from sceneparse.networks.exact.convolution import ConcatConv2d, Resampling
from sceneparse.networks.fpn import FeaturePyramid, PyramidArguments
from sceneparse.networks.heads import Head


class UPerNet(FeaturePyramid):
    """A feature pyramid with pyramid pooling on its top level, all levels fused at stride 4 (section 3.2, figure 4).

    Args:
        backbone: The feature extractor at output stride 32.
        num_classes: Number of classes.
        channels: Width of every level, of each reduced grid of the pyramid pooling, and of the head.
        aux: Whether there is an auxiliary head on stage 3.
        aux_channels: Width of the auxiliary head; None means a quarter of stage 3's, at least 64.
        dropout: Probability of dropping a channel before each classifier.
        align_corners: How maps are resized.
        resampling: "exact" computes convolutions over resized maps before resizing: the same numbers for less work;
            "plain" as written in the paper.
        finest: Stride of the finest level: 4, or 8 or 16, where the levels below are not built (table 2).
        fuse: Whether the head stands on all levels, resized and put together; else on the finest alone (table 2).
        pyramid: Of the levels, as in `PyramidArguments`.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        channels: int = 512,
        aux: bool = True,
        aux_channels: int | None = None,
        dropout: float = 0.1,
        align_corners: bool = False,
        resampling: Resampling = "exact",
        finest: int = STRIDES[0],
        fuse: bool = True,
        **pyramid: Unpack[PyramidArguments],
    ):
        super().__init__(
            backbone,
            num_classes,
            channels=channels,
            aux=aux,
            aux_channels=aux_channels,
            dropout=dropout,
            align_corners=align_corners,
            resampling=resampling,
            finest=finest,
            only_finest=not fuse,
            **pyramid,
        )
        self.fuse = fuse
        if fuse:
            concat = partial(ConcatConv2d, align_corners=align_corners, resampling=resampling)
            self.head = Head([channels] * (1 + len(self.laterals)), channels, num_classes, dropout, make=concat)
        else:
            self.head = Head(channels, channels, num_classes, dropout)

    def decode(self, features: list[Tensor]) -> Tensor:
        """Turn the features of stages 1 to 4 into logits at the finest level's size."""
        levels = self.merge(features)
        logits: Tensor = self.head(levels if self.fuse else levels[0])
        return logits
