"""Pyramid pooling: the picture's context at several grid sizes."""

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from sceneparse.networks.heads import ConvNormReLU
from sceneparse.networks.pooling import average_pool, max_pool


class PooledBatchNorm(nn.BatchNorm2d):
    """Batch norm for pooled maps, which can have a single value for each channel.

    Pooled to one bin, a batch of one picture leaves one value a channel. In training it would be normalised by its own
    mean, hence to zero whatever the picture shows, and `torch.nn.BatchNorm2d` refuses it. Here such a map is normalised
    with the running statistics, as in evaluation mode, and leaves them unchanged: one value has no variance to learn
    from. All other maps are treated as by `torch.nn.BatchNorm2d`, whose parameter and buffer names this keeps;
    `SyncBatchNorm.convert_sync_batchnorm` replaces it, since several processes have several values together.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name in torch.nn.BatchNorm2d
        """(N, C, h, w) to the same shape."""
        if self.training and input.shape[0] * input.shape[2] * input.shape[3] == 1:
            return F.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
            )
        return super().forward(input)


class PyramidPooling(nn.Module):
    """The pyramid pooling module (PSPNet paper, section 3.2 and figure 3).

    The map is pooled to each grid and reduced by a 1×1 convolution with batch norm and ReLU. In the paper the grids are
    then resized back and put behind the map; here that is left to the convolution that comes next (`ConcatConv2d`).

    Args:
        in_channels: Channels of the map.
        bins: Side of each grid.
        branch_channels: Width of each reduced grid; None leaves the reduction out: the pooled map is resized as it is.
        pool: How cells are pooled.

    Attributes:
        channels: Channels of the map and of each grid.
    """

    def __init__(
        self,
        in_channels: int,
        bins: Sequence[int],
        *,
        branch_channels: int | None,
        pool: Literal["avg", "max"],
    ):
        super().__init__()
        self.bins = tuple(bins)
        self.pool = pool
        self.channels = [in_channels, *[branch_channels or in_channels] * len(self.bins)]
        self.branches = nn.ModuleList(
            nn.Identity()
            if branch_channels is None
            else ConvNormReLU(in_channels, branch_channels, 1, norm=PooledBatchNorm)
            for _ in self.bins
        )

    def forward(self, maps: Tensor) -> list[Tensor]:
        """(N, in_channels, h, w) to the map itself and the grids in the order of `bins`, at their own sizes."""
        grids = (average_pool if self.pool == "avg" else max_pool)(maps, self.bins)
        return [maps, *(branch(grid) for branch, grid in zip(self.branches, grids, strict=True))]
