"""Precise region pooling (Jiang et al., ECCV 2018, arXiv 1807.11590), as matrix products.

A map is taken as a continuous function, its pixels interpolated bilinearly: pixel i stands at coordinate i, and beyond
the outer pixels the function falls to zero. A bin's value is the function's integral over the bin, divided by the
bin's area. Interpolation and bins are both separable, so the integral is too: one matrix for the rows, one for the
columns. The published code computes the same in a CUDA operator.

A whole map of n pixels is the region from 0 to n, not from -1/2 to n - 1/2: half of what is beyond the last pixel
counts as zero, so this is not adaptive average pooling.
"""

import torch
from torch import Tensor

from sceneparse.devices.sums import widest
from sceneparse.networks.exact.matrices import in_graph
from sceneparse.networks.exact.pooling import rounds_too_much


def precise_pool(maps: Tensor, bins: int) -> Tensor:
    """Pool whole maps to a grid of bins.

    Args:
        maps: (N, C, h, w), floating point. Sizes may be unknown while a graph is made.
        bins: Side of the grid.

    Returns:
        (N, C, bins, bins), of the maps' type.
    """
    if rounds_too_much(maps):
        with torch.autocast(maps.device.type, enabled=False):
            return precise_pool(maps.float(), bins).to(maps.dtype)
    (rows, height), (columns, width) = (_whole_side(maps, dim, bins) for dim in (-2, -1))
    if in_graph():
        # As in `pooling`: small whole numbers are exact in bfloat16, their quotients are not.
        return rows.to(maps.dtype) @ maps / height @ columns.to(maps.dtype).transpose(0, 1) / width
    wide = widest(maps.device)
    rows, columns = ((side.to(wide) / length).to(maps.dtype) for side, length in ((rows, height), (columns, width)))
    return rows @ maps @ columns.transpose(0, 1)


def precise_pool_regions(maps: Tensor, regions: Tensor, size: tuple[int, int], scale: float = 1.0) -> Tensor:
    """Pool rectangles of maps to grids of bins.

    Args:
        maps: (N, C, h, w), floating point.
        regions: (R, 5): index of the map, then left, top, right and bottom edge. What is outside of the map is zero;
            a region without area gives zeros.
        size: Bins down and across.
        scale: Edges are multiplied by this to get coordinates of the map's pixels.

    Returns:
        (R, C, *size), of the maps' type.
    """
    index, edges = regions[:, 0].long(), regions[:, 1:].to(widest(maps.device)) * scale
    left, top, right, bottom = edges.unbind(dim=1)
    rows = _side(maps.shape[-2], top, bottom, size[0]).to(maps.dtype)
    columns = _side(maps.shape[-1], left, right, size[1]).to(maps.dtype)
    return rows[:, None] @ maps[index] @ columns[:, None].transpose(-2, -1)


def _whole_side(maps: Tensor, dim: int, bins: int) -> tuple[Tensor, int]:
    """Return the weights of the pixels of one whole side in each bin: (bins, n).

    In units of 1 / bins all edges are whole numbers, and a weight is a whole number divided by 2·bins·n: right to the
    last bit for any size. These two are what is returned.
    """
    length = maps.shape[dim]
    edge = torch.arange(bins + 1, device=maps.device)[:, None] * length
    place = torch.arange(length, device=maps.device) * bins
    # Twice the integral, up to an edge, of the triangle with its peak at a pixel and its feet at the neighbours.
    away = (edge - place).clamp(-bins, bins)
    integral = bins * bins + 2 * bins * away - away * away.abs()
    return integral[1:] - integral[:-1], 2 * bins * length


def _side(length: int, start: Tensor, stop: Tensor, bins: int) -> Tensor:
    """Return the weights of a side's pixels in the bins between two coordinates (R,): (R, bins, length)."""
    width = ((stop - start) / bins).clamp(min=0)
    steps = torch.arange(bins + 1, device=start.device)
    edge = start[:, None] + width[:, None] * steps
    away = (edge[..., None] - torch.arange(length, device=start.device)).clamp(-1, 1)
    integral = 0.5 + away - away * away.abs() / 2
    # A bin without width has no integral either.
    return (integral[:, 1:] - integral[:, :-1]) / width.clamp(min=torch.finfo(width.dtype).tiny)[:, None, None]
