"""PSPNet (Zhao et al., CVPR 2017, arXiv 1612.01105)."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

from torch import Tensor

from sceneparse.networks.backbone import Backbone
from sceneparse.networks.base import SceneParser
from sceneparse.networks.exact import ConcatConv2d, Resampling
from sceneparse.networks.heads import Head
from sceneparse.networks.pyramid import PyramidPooling


class PSPNet(SceneParser):
    """A dilated backbone, pyramid pooling on stage 4, and a head (section 3.2, figure 3).

    Logits come at the backbone's output stride (473 × 473 gives 60 × 60 at stride 8).

    Args:
        backbone: The feature extractor, usually at output stride 8.
        num_classes: Number of classes.
        channels: Width of the head.
        bins: Grid sizes of the pyramid pooling.
        pool: Pooling of the pyramid.
        reduce: Whether each pooled map is reduced by a 1×1 convolution (table 1, "DR").
        aux: Whether there is an auxiliary head on stage 3.
        dropout: Probability of dropping a channel before each classifier.
        align_corners: How maps are resized (True in the original release).
        branch_channels: Width of a reduced map; None means stage 4's width divided by the number of bins.
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
        reduce: bool = True,
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
        width = backbone.channels[3]
        reduced = (branch_channels or max(width // len(bins), 1)) if reduce else None
        self.pyramid = PyramidPooling(width, bins, branch_channels=reduced, pool=pool)
        concat = partial(ConcatConv2d, align_corners=align_corners, resampling=resampling)
        self.head = Head(self.pyramid.channels, channels, num_classes, dropout, make=concat)

    def decode(self, features: list[Tensor]) -> Tensor:
        """Features of stages 1 to 4 to logits at stage 4's size."""
        logits: Tensor = self.head(self.pyramid(features[3]))
        return logits
