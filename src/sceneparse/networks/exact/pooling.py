"""Pool maps to grids of given sides, right for every size of the map, in exported programs too.

Cell i of b along a side of n reaches from ⌊i·n/b⌋ to ⌈(i+1)·n/b⌉, so cells of a side that b doesn't divide overlap, and
which pixels they hold changes with n. An exporter that meets the ready-made operator with a size that is only known at
run time fixes one of these; here the cells are worked out from the size, in whole numbers.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor

from sceneparse.devices.sums import widest
from sceneparse.networks.exact.constants import used
from sceneparse.networks.exact.matrices import in_graph


def average_pool(maps: Tensor, bins: Sequence[int]) -> list[Tensor]:
    """Average a map over the cells of each grid, as `torch.nn.functional.adaptive_avg_pool2d` does.

    Args:
        maps: (N, C, h, w), floating point. Fastest in channels-last memory.
        bins: Side of each grid.

    Returns:
        (N, C, side, side) for each grid, channels-last.
    """
    if rounds_too_much(maps):
        with torch.autocast(maps.device.type, enabled=False):
            if _adds_in_float32(maps.device, maps.dtype) and not in_graph():
                return [grid.to(maps.dtype) for grid in _averages_of_sums(maps, bins, _products_in_float32)]
            return [grid.to(maps.dtype) for grid in average_pool(maps.float(), bins)]
    if in_graph():
        return _pooled_in_graph(maps, bins)
    count, channels, height, width = maps.shape
    pixels = maps.permute(0, 2, 3, 1)
    # Along the width for all grids at once: each pixel is read once.
    lines = torch.matmul(_weights(width, tuple(bins), pixels), pixels)
    grids = []
    for side, cells in zip(bins, lines.split(list(bins), dim=2), strict=True):
        columns = cells.reshape(count, height, side * channels)
        grid = torch.matmul(_weights(height, (side,), columns), columns)
        grids.append(grid.view(count, side, side, channels).permute(0, 3, 1, 2))
    return grids


def rounds_too_much(maps: Tensor) -> bool:
    """Return whether maps are pooled in float32: in a 16-bit format, where no gradient is wanted.

    Rounded weights and sums would be wrong for all of the many pixels that a cell stands for.
    """
    return not torch.is_grad_enabled() and maps.dtype in (torch.bfloat16, torch.float16)


def _averages_of_sums(maps: Tensor, bins: Sequence[int], multiply: Callable[[Tensor, Tensor], Tensor]) -> list[Tensor]:
    """Compute `average_pool` in float32 of maps in a 16-bit format, which are read as they are.

    Ones are numbers of that format, so that products with them are exact, and what rounds is divided by at the end.

    Args:
        maps: As in `average_pool`, of a 16-bit format.
        bins: As in `average_pool`.
        multiply: Multiplies (B, cells, pixels) by (B, pixels, X), and adds up in float32.
    """
    count, channels, height, width = maps.shape
    pixels = maps.permute(0, 2, 3, 1).reshape(count * height, width, channels)
    across = _ones(width, tuple(bins), pixels)
    lines = multiply(across.expand(len(pixels), -1, -1), pixels).view(count, height, -1, channels)
    grids = []
    for side, cells, places in zip(bins, lines.split(list(bins), dim=2), across.split(list(bins)), strict=True):
        down = _ones(height, (side,), lines)
        sums = torch.matmul(down, cells.reshape(count, height, side * channels)).view(count, side, side, channels)
        sizes = down.sum(dim=1)[:, None] * places.float().sum(dim=1)
        grids.append((sums / sizes[:, :, None]).permute(0, 3, 1, 2))
    return grids


def _products_in_float32(ones: Tensor, lines: Tensor) -> Tensor:
    return torch.bmm(ones, lines, out_dtype=torch.float32)


@lru_cache(maxsize=64)
def _adds_in_float32(device: torch.device, dtype: torch.dtype) -> bool:
    """Return whether a device multiplies numbers of a 16-bit format into float32: PyTorch's CUDA does."""
    if device.type != "cuda":
        return False
    one = torch.ones(1, 8, 8, dtype=dtype, device=device)
    try:
        return _products_in_float32(one, one).dtype == torch.float32
    except (RuntimeError, TypeError):  # PyTorch's build, or the GPU
        return False


def max_pool(maps: Tensor, bins: Sequence[int]) -> list[Tensor]:
    """Take the largest value in the cells of each grid: (N, C, h, w) to (N, C, side, side) for each of them."""
    if not in_graph():
        return [F.adaptive_max_pool2d(maps, side) for side in bins]
    height, width = maps.shape[-2:]
    grids = []
    for side in bins:
        (down, _), (across, _) = (cells_of(pixels, (side,), maps.device) for pixels in (height, width))
        rows = _largest(maps, down[:, :, None], 2)
        grids.append(_largest(rows, across[:, None, :], 3))
    return grids


def cells_of(pixels: int, sides: Sequence[int], device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """Return which pixels of a line lie in which cell, for the cells of several grids, one below the other.

    Returns:
        (Σ sides, pixels) bool, and how many they are, (Σ sides,) int64.
    """
    both = [(cell, side) for side in sides for cell in range(side)]
    index, cells = (torch.tensor(each, device=device) for each in zip(*both, strict=True))
    start, stop = index * pixels // cells, ((index + 1) * pixels + cells - 1) // cells
    place = torch.arange(pixels, device=device)
    return (place >= start[:, None]) & (place < stop[:, None]), stop - start


def _pooled_in_graph(maps: Tensor, bins: Sequence[int]) -> list[Tensor]:
    """Compute `average_pool` in a graph whose sizes may be unknown.

    Exporters take their time for every operation, so all grids share each; that rows of one grid meet columns of
    another is little work. And whoever runs the graph may compute in bfloat16: a sixtieth, rounded to it, makes all
    averages 0.4% too small, while ones and their number are exact.
    """
    height, width = maps.shape[-2:]
    grids = maps
    for pixels in (width, height):
        inside, count = cells_of(pixels, bins, maps.device)
        grids = (F.linear(grids, inside.to(maps.dtype)) / count).transpose(2, 3)
    stops = list(accumulate(bins))
    return [grids[:, :, stop - side : stop, stop - side : stop] for side, stop in zip(bins, stops, strict=True)]


def _weights(pixels: int, cells: tuple[int, ...], like: Tensor) -> Tensor:
    """Return the matrix that averages a line over the cells of grids, of a tensor's type and on its device.

    It is (Σ cells, pixels), its rows sum to one.
    """
    # Constants made of what a tracer shows in place of tensors belong to its graph, not to the next call.
    if type(like) is not Tensor:
        return _made(pixels, cells, like.dtype, like.device)
    return used(_cached(pixels, cells, like.dtype, like.device))


def _ones(pixels: int, cells: tuple[int, ...], like: Tensor) -> Tensor:
    """Return the ones and zeros that add up what `_weights` averages."""
    return used(_cached(pixels, cells, like.dtype, like.device, ones=True))


@lru_cache(maxsize=64)
def _cached(
    pixels: int, cells: tuple[int, ...], dtype: torch.dtype, device: torch.device, ones: bool = False
) -> Tensor:
    # Made in inference mode they could never take part in a backward pass.
    with torch.inference_mode(False), torch.no_grad():
        made = _made(pixels, cells, dtype, device)
        return made.sign() if ones else made


def _made(pixels: int, sides: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    inside, count = cells_of(pixels, sides, device)
    return (inside.to(widest(inside.device)) / count[:, None]).to(dtype)


def _largest(maps: Tensor, cells: Tensor, dim: int) -> Tensor:
    """Return the largest value in each cell along a side; each cell is given by a mask."""
    least = torch.finfo(maps.dtype).min
    return torch.cat([maps.masked_fill(~cell, least).amax(dim, keepdim=True) for cell in cells.unbind()], dim)
