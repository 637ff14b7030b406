"""Translate part labels into channels of a part head, of which each stands for a part of one object."""

from functools import lru_cache

import torch
from torch import Tensor

from sceneparse.labels import IGNORE, PartTree


def part_channels(owners: Tensor, parts: Tensor, tree: PartTree) -> Tensor:
    """Return the channel of a part head that is right at each pixel.

    As Broden+ reads part annotation: it is known for an object of a picture if at least one of its pixels shows a part;
    then its other pixels are "no part". Of objects that show none nothing is known, and parts outside of objects that
    can have them are dropped.

    Args:
        owners: (N, H, W) or (H, W) objects, `IGNORE` where unknown.
        parts: The same size: parts, `IGNORE` where there is none.
        tree: Which object can have which parts.

    Returns:
        int16 of the same size: a channel of `tree.channels`, or `IGNORE` where nothing is known.
    """
    channels = _table(tree, owners.device)[owners.long(), parts.long()]
    pictures = channels.reshape(-1, *channels.shape[-2:])
    count = len(tree.channels)
    # The channels that each picture shows; the last one is IGNORE's.
    shown = torch.zeros(len(pictures), count + 1, dtype=torch.bool, device=owners.device)
    index = pictures.long().masked_fill_(pictures == IGNORE, count).flatten(1)
    shown.scatter_(1, index, torch.ones_like(index, dtype=torch.bool))
    known = torch.full((len(pictures), count + 1), IGNORE, dtype=torch.int16, device=owners.device)
    for offset, size in zip(tree.offsets, tree.sizes, strict=True):
        block = torch.arange(offset, offset + size, dtype=torch.int16, device=owners.device)
        annotated = shown[:, offset + 1 : offset + size].any(dim=1, keepdim=True)
        known[:, offset : offset + size] = block.expand(len(pictures), -1).masked_fill(~annotated, IGNORE)
    return known.gather(1, index).view(channels.shape)


# On a GPU a copy of it would be waited for at each step.
@lru_cache(maxsize=8)
def _table(tree: PartTree, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.from_numpy(tree.table).to(device)
