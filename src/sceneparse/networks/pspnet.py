"""PSPNet (Zhao et al., CVPR 2017, arXiv 1612.01105)."""

from collections.abc import Sequence
from functools import partial

from torch import Tensor

from sceneparse.networks.backbones import Backbone
from sceneparse.networks.base import SceneParser
from sceneparse.networks.exact.convolution import ConcatConv2d, Resampling
from sceneparse.networks.heads import Head
from sceneparse.networks.pyramid import Branch, Pool, PyramidPooling


class PSPNet(SceneParser):
    """A dilated backbone, pyramid pooling on its last stage, and a head (section 3.2, figure 3).

    Logits come at the backbone's output stride (473 × 473 gives 60 × 60 at stride 8). The last stage is stage 4, unless
    the backbone ends before it.

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
        branch_channels: Width of a reduced map; None means the last stage's width divided by the number of bins.
        branch: What reduces a pooled map; see `PyramidPooling`.
        kernel: Side of the head's first kernel.
        classifier_kernel: Side of the classifier's kernel.
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
        pool: Pool = "avg",
        reduce: bool = True,
        aux: bool = True,
        dropout: float = 0.1,
        align_corners: bool = False,
        branch_channels: int | None = None,
        branch: Branch = "norm",
        kernel: int = 3,
        classifier_kernel: int = 1,
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
        width = backbone.channels[-1]
        reduced = (branch_channels or max(width // len(bins), 1)) if reduce else None
        self.pyramid = PyramidPooling(width, bins, branch_channels=reduced, pool=pool, branch=branch)
        concat = partial(ConcatConv2d, align_corners=align_corners, resampling=resampling)
        self.head = Head(
            self.pyramid.channels,
            channels,
            num_classes,
            dropout,
            make=concat,
            kernel=kernel,
            classifier_kernel=classifier_kernel,
        )

    def decode(self, features: list[Tensor]) -> Tensor:
        """Turn the features of the stages into logits at the last one's size."""
        logits: Tensor = self.head(self.pyramid(features[-1]))
        return logits
