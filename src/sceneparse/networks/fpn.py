"""The feature pyramid of UPerNet (Xiao et al., ECCV 2018, arXiv 1807.10221, section 3.2 and figure 4)."""

from collections.abc import Sequence
from functools import partial
from typing import TypedDict

import torch.nn.functional as F
from torch import Tensor, nn

from sceneparse.networks.backbones import STRIDES, Backbone
from sceneparse.networks.base import SceneParser
from sceneparse.networks.exact.convolution import ConcatConv2d, Resampling
from sceneparse.networks.heads import ConvNormReLU
from sceneparse.networks.pyramid import Pool, PyramidPooling
from sceneparse.networks.resample import resize


class PyramidArguments(TypedDict, total=False):
    """Keyword arguments of `FeaturePyramid` that the networks on it take too and hand on.

    Args:
        bins: Grid sizes of the pyramid pooling; none leaves it out: a 1×1 convolution stands on stage 4, as on the
            stages below.
        pool: Pooling of the pyramid.
        branch_channels: Width of each reduced grid of the pyramid pooling; None means `channels`.
        resize_first: Whether pooled maps are resized before they are reduced (CSAIL's releases) instead of after.
        feature_norm: Whether each feature is normalised over its channels first (segmentation_models_pytorch; Swin and
            ConvNeXt under transformers).
        feature_norm_eps: What that adds to the variance.
        align_logits: How the logits want to be resized; None means like the maps.
    """

    bins: Sequence[int]
    pool: Pool
    branch_channels: int | None
    resize_first: bool
    feature_norm: bool
    feature_norm_eps: float
    align_logits: bool | None


class FeaturePyramid(SceneParser):
    """A top-down pyramid of maps of equal width: pyramid pooling on stage 4, then added to each stage below.

    What is made of the levels is left to the networks that have one.

    Args:
        backbone: The feature extractor at output stride 32.
        num_classes: Number of classes.
        channels: Width of every level.
        bins, pool, branch_channels, resize_first, feature_norm, feature_norm_eps, align_logits: As in
            `PyramidArguments`.
        aux: Whether there is an auxiliary head on stage 3.
        aux_channels: Width of the auxiliary head; None means a quarter of stage 3's, at least 64.
        dropout: Probability of dropping a channel before each classifier.
        align_corners: How maps are resized.
        resampling: "exact" computes convolutions over resized maps before resizing: the same numbers for less work;
            "plain" as written in the paper.
        finest: Stride of the finest level: 4, or 8 or 16, where the levels below are not built.
        only_finest: Whether the levels between the finest and the top only hand on what comes from above.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        channels: int,
        aux: bool,
        dropout: float,
        align_corners: bool,
        resampling: Resampling,
        bins: Sequence[int] = (1, 2, 3, 6),
        pool: Pool = "avg",
        branch_channels: int | None = None,
        resize_first: bool = False,
        feature_norm: bool = False,
        feature_norm_eps: float = 1e-6,
        align_logits: bool | None = None,
        aux_channels: int | None = None,
        finest: int = STRIDES[0],
        only_finest: bool = False,
    ):
        super().__init__(
            backbone,
            num_classes,
            aux=aux,
            aux_channels=aux_channels,
            dropout=dropout,
            align_corners=align_corners if align_logits is None else align_logits,
        )
        self.first_stage = STRIDES.index(finest)
        *lower, top = backbone.channels[self.first_stage :]
        self.align_maps = align_corners
        self.norms: nn.ModuleList | None = None
        if feature_norm:
            self.norms = nn.ModuleList(
                nn.Identity() if stage < self.first_stage else ChannelNorm(width, feature_norm_eps)
                for stage, width in enumerate(backbone.channels)
            )
        self.pyramid: PyramidPooling | None = None
        if bins:
            self.pyramid = PyramidPooling(
                top,
                bins,
                branch_channels=branch_channels or channels,
                pool=pool,
                resize_first=resize_first,
                align_corners=align_corners,
            )
            # Grids that are resized already leave nothing to do before resizing.
            over_grids = partial(
                ConcatConv2d, align_corners=align_corners, resampling="plain" if resize_first else resampling
            )
            self.top = ConvNormReLU(self.pyramid.channels, channels, 3, make=over_grids)
        else:
            self.top = ConvNormReLU(top, channels, 1)
        self.laterals = nn.ModuleList(ConvNormReLU(width, channels, 1) for width in lower)
        self.levels = nn.ModuleList(ConvNormReLU(channels, channels, 3) for _ in lower[: 1 if only_finest else None])

    def auxiliary(self, features: list[Tensor]) -> Tensor | None:
        """Return the auxiliary head's logits, computed from the normalised feature if there is one."""
        if self.norms is None:
            return super().auxiliary(features)
        return super().auxiliary([norm(maps) for norm, maps in zip(self.norms, features, strict=True)])

    def apex(self, features: list[Tensor]) -> Tensor:
        """Compute the top level alone from the features of stages 1 to 4: (N, channels, h, w) at stride 32."""
        top = features[-1] if self.norms is None else self.norms[-1](features[-1])
        level: Tensor = self.top(top if self.pyramid is None else self.pyramid(top))
        return level

    def merge(self, features: list[Tensor]) -> list[Tensor]:
        """Compute all levels (N, channels, h, w) from the features of stages 1 to 4, finest first.

        With `only_finest` there are these two.
        """
        above = self.apex(features)
        lower = features[self.first_stage : -1]
        if self.norms is not None:
            lower = [norm(maps) for norm, maps in zip(self.norms[self.first_stage : -1], lower, strict=True)]
        levels = [above]
        for index, (maps, lateral) in reversed(list(enumerate(zip(lower, self.laterals, strict=True)))):
            size = (maps.shape[-2], maps.shape[-1])
            above = lateral(maps) + resize(above, size, self.align_maps)
            if index < len(self.levels):
                levels.insert(0, self.levels[index](above))
        return levels


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each pixel."""

    def __init__(self, channels: int, eps: float):
        super().__init__(channels, eps=eps)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name in torch.nn.LayerNorm
        """Normalise (N, channels, h, w) to the same shape."""
        maps = input.permute(0, 2, 3, 1)
        return F.layer_norm(maps, self.normalized_shape, self.weight, self.bias, self.eps).permute(0, 3, 1, 2)
