"""Sums that lose nothing worth mentioning, on devices with float64 and without."""

import torch
import torch.nn.functional as F
from torch import Tensor

WITHOUT_FLOAT64 = {"mps"}
"""The types of devices that have no float64: not even a scalar of it can be put on Apple's GPUs."""

BLOCK = 128
"""Numbers that are added up at a time where all is float32."""


def widest(device: torch.device) -> torch.dtype:
    """Return the type in which a device keeps sums and exact weights: float64, but float32 on Apple's GPUs."""
    return torch.float32 if device.type in WITHOUT_FLOAT64 else torch.float64


def wide_sum(values: Tensor) -> Tensor:
    """Sum up all of a tensor in the device's `widest` type; returns a scalar of that type.

    Where that is float32, the tensor is summed in blocks, and their sums in blocks again: the error then grows with the
    logarithm of the count, not with the count.
    """
    if widest(values.device) == torch.float64:
        return values.sum(dtype=torch.float64)
    return summed_in_blocks(values)


def summed_in_blocks(values: Tensor) -> Tensor:
    """Sum up all of a tensor in float32, `BLOCK` numbers at a time."""
    values = values.float().flatten()
    while len(values) > 1:
        values = F.pad(values, (0, -len(values) % BLOCK)).view(-1, BLOCK).sum(dim=1)
    return values.sum()
