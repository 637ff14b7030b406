"""Pictures of any size for models that want multiples: padded below and to the right, and their maps cut back."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sceneparse.networks.exact.matrices import in_graph


def pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """Pad pictures (N, C, H, W) with zeros below and to the right until both sides are multiples."""
    # Without negative numbers, which exporters of sizes known only at run time do not divide as Python does.
    bottom, right = ((side + multiple - 1) // multiple * multiple - side for side in images.shape[-2:])
    return F.pad(images, (0, right, 0, bottom))


def corner(maps: Tensor, rows: int, columns: int) -> Tensor:
    """Cut maps (N, C, h, w) to their upper left rows and columns."""
    if not in_graph():
        return maps[..., :rows, :columns]
    # A slice in a graph is taken to leave something out, or not to, for all sizes.
    maps = maps.index_select(-2, torch.arange(rows, device=maps.device))
    return maps.index_select(-1, torch.arange(columns, device=maps.device))
