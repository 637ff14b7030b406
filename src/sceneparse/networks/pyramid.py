"""Pyramid pooling: the picture's context at several grid sizes."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from sceneparse.networks.exact.pooling import average_pool, max_pool
from sceneparse.networks.exact.precise_pooling import precise_pool
from sceneparse.networks.heads import ConvNormReLU, convolution
from sceneparse.networks.resample import resize

Pool = Literal["avg", "max", "precise"]
Branch = Literal["norm", "norm_but_one", "bias", "linear"]


class PooledBatchNorm(nn.BatchNorm2d):
    """Batch norm for pooled maps, which may have a single value per channel.

    Pooled to one bin, a batch of one picture leaves one value a channel. In training it would be normalised by its own
    mean, hence to zero whatever the picture shows, and `torch.nn.BatchNorm2d` refuses it. Here such a map is normalised
    with the running statistics, as in evaluation mode, and leaves them unchanged: one value has no variance to learn
    from. All other maps are treated as by `torch.nn.BatchNorm2d`, whose parameter and buffer names this keeps. Where
    several processes train, `share_batch` replaces it, since together they have several values.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name in torch.nn.BatchNorm2d
        """Normalise (N, C, h, w) to the same shape."""
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
        pool: How cells are pooled: by their average or maximum, or by the integral of the bilinear interpolation
            ("precise", the unified UPerNet's release).
        branch: What reduces a pooled map: a 1×1 convolution with batch norm and ReLU ("norm", the paper), the same but
            for a grid of one cell, whose convolution has a bias instead of the batch norm ("norm_but_one",
            segmentation_models_pytorch), a convolution with bias alone ("bias") or without bias alone ("linear").
        resize_first: Whether a pooled map is resized before it is reduced (CSAIL's UPerNets) instead of after.
        align_corners: How it is resized then.

    Attributes:
        channels: Channels of the map and of each grid.
    """

    def __init__(
        self,
        in_channels: int,
        bins: Sequence[int],
        *,
        branch_channels: int | None,
        pool: Pool,
        branch: Branch = "norm",
        resize_first: bool = False,
        align_corners: bool = False,
    ):
        super().__init__()
        self.bins = tuple(bins)
        self.pool = pool
        self.resize_first = resize_first
        self.align_corners = align_corners
        self.channels = [in_channels, *[branch_channels or in_channels] * len(self.bins)]
        self.branches = nn.ModuleList(
            nn.Identity() if branch_channels is None else _branch(in_channels, branch_channels, branch, side)
            for side in self.bins
        )

    def forward(self, maps: Tensor) -> list[Tensor]:
        """Pool (N, in_channels, h, w): return the map and its grids, in the order of `bins`, each at its own size.

        With `resize_first` the grids come at the map's size.
        """
        grids = zip(self.branches, _POOLS[self.pool](maps, self.bins), strict=True)
        if not self.resize_first:
            return [maps, *(branch(grid) for branch, grid in grids)]
        size = (maps.shape[-2], maps.shape[-1])
        return [maps, *(self._resized(branch, grid, size) for branch, grid in grids)]

    def _resized(self, branch: nn.Module, grid: Tensor, size: tuple[int, int]) -> Tensor:
        """Resize a grid to the map's size and apply its branch."""
        if self.training or not isinstance(branch, ConvNormReLU):
            reduced: Tensor = branch(resize(grid, size, self.align_corners))
            return reduced
        # The weights of an interpolation sum to one, so all but the ReLU commutes with it and can stay small. In
        # training it cannot: the statistics are those of the resized map.
        return branch.relu(resize(branch.norm(branch.conv(grid)), size, self.align_corners))


_POOLS: dict[Pool, Callable[[Tensor, Sequence[int]], list[Tensor]]] = {
    "avg": average_pool,
    "max": max_pool,
    "precise": lambda maps, bins: [precise_pool(maps, side) for side in bins],
}


def _branch(in_channels: int, channels: int, branch: Branch, side: int) -> nn.Module:
    """Make the layers that reduce the pooled map of side×side cells."""
    if branch == "norm" or (branch == "norm_but_one" and side > 1):
        return ConvNormReLU(in_channels, channels, 1, norm=PooledBatchNorm)
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv=convolution(in_channels, channels, 1, bias=branch != "linear")
    )
    if branch == "norm_but_one":
        layers["relu"] = nn.ReLU(inplace=True)
    return nn.Sequential(layers)
