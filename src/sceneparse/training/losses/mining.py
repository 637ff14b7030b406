"""Online hard example mining: which pixels a loss is taken of."""

import math

import torch
from torch import Tensor

from sceneparse.devices.sums import widest
from sceneparse.training.losses.kind import Total


def hard_pixels(losses: Tensor, counts: Tensor, fraction: float, threshold: float, total: Total) -> Tensor:
    """Return which pixels mining keeps: those of a loss of at least a bar, the same in all processes.

    Args:
        losses: (N, H, W) losses of this process's pixels, 0 or more.
        counts: (N, H, W) which of them count.
        fraction: This fraction of the pixels that count in all processes is kept, at least one pixel.
        threshold: Every pixel whose true class has a probability below this is kept as well.
        total: Sums over the processes.

    Returns:
        (N, H, W) bool; pixels that don't count may be among them.
    """
    wide = widest(counts.device)
    number = total(counts.sum(dtype=wide))
    bar = largest(losses, (fraction * number).round().clamp(min=1), total, counts)
    # A probability below the threshold is a cross-entropy above its negative logarithm.
    improbable = -math.log(threshold) if threshold > 0 else math.inf
    return torch.where(bar.to(wide) <= improbable, losses >= bar, losses > improbable)


def largest(values: Tensor, rank: Tensor | int, total: Total, counts: Tensor | None = None) -> Tensor:
    """Return the value of a rank (1: the largest) among those of all processes, without bringing them together.

    The bits of floating-point numbers from 0 up, read as integers, are in the numbers' order. So the value is found bit
    by bit, each time counting how many are as large. None of it is read back from the device.

    Args:
        values: float32 or float64, 0 or more but for rounding, of any shape, which may differ among the processes.
        rank: 1 … the number of values in all processes.
        total: Sums over the processes.
        counts: Which of the values there are; None: all.

    Returns:
        A scalar of the values' type; 0 where fewer count than the rank says.
    """
    integer = torch.int64 if values.dtype == torch.float64 else torch.int32
    bits = values.clamp(min=0).view(integer)
    if counts is not None:
        bits = bits.masked_fill(~counts, -1)
    found = torch.zeros((), dtype=integer, device=values.device)
    for bit in range(torch.iinfo(integer).bits - 2, -1, -1):
        candidate = found | 1 << bit
        found = torch.where(total(torch.count_nonzero(bits >= candidate)) >= rank, candidate, found)
    return found.view(values.dtype)
