"""Normalise pictures for a network."""

from collections.abc import Sequence

import torch
from torch import Tensor


def normalize(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Normalise pictures: (images / 255 - mean) / std.

    Args:
        images: (N, C, H, W) uint8.
        mean: Mean of each channel in 0..1, or one value for all channels.
        std: Standard deviation of each channel in 0..1, or one value for all channels.

    Returns:
        (N, C, H, W) float32, in the images' memory format.
    """
    offset = torch.tensor(mean, dtype=torch.float32, device=images.device).mul(255).view(-1, 1, 1)
    factor = torch.tensor(std, dtype=torch.float32, device=images.device).mul(255).reciprocal().view(-1, 1, 1)
    return (images.float() - offset) * factor
