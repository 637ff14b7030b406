"""Normalise pictures for a network."""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from sceneparse.networks.exact.constants import used
from sceneparse.networks.exact.matrices import in_graph


def normalize(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Normalise pictures: (images / 255 - mean) / std.

    Args:
        images: (N, C, H, W) uint8.
        mean: Mean of each channel in 0..1, or one value for all channels.
        std: Standard deviation of each channel in 0..1, or one value for all channels.

    Returns:
        (N, C, H, W) float32, in the images' memory format.
    """
    # Constants made of what a tracer shows in place of tensors belong to its graph, not to the next call.
    if in_graph() or type(images) is not Tensor:
        offset, factor = _made(tuple(mean), tuple(std), images.device)
    else:
        offset, factor = used(_cached(tuple(mean), tuple(std), images.device))
    return (images.float() - offset) * factor


# A GPU would wait for them at each call.
@lru_cache(maxsize=32)
def _cached(mean: tuple[float, ...], std: tuple[float, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    # Made in inference mode they could never take part in a backward pass.
    with torch.inference_mode(False), torch.no_grad():
        return _made(mean, std, device)


def _made(mean: tuple[float, ...], std: tuple[float, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    offset = torch.tensor(mean, dtype=torch.float32, device=device).mul(255).view(-1, 1, 1)
    factor = torch.tensor(std, dtype=torch.float32, device=device).mul(255).reciprocal().view(-1, 1, 1)
    return offset, factor
