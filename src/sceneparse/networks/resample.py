"""Resize maps."""

import torch.nn.functional as F
from torch import Tensor


def resize(maps: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    """Resize maps bilinearly.

    Args:
        maps: (N, C, h, w), floating point.
        size: Height and width of the result.
        align_corners: Whether the centres of the corner pixels stay in place (the original PSPNet release) or the
            maps' outer edges do (mmseg, torchvision).

    Returns:
        (N, C, *size), of the maps' type.
    """
    return F.interpolate(maps, size=size, mode="bilinear", align_corners=align_corners)
