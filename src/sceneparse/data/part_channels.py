"""Translate part labels into channels of a part head, of which each stands for a part of one object."""

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
    channels = torch.from_numpy(tree.table).to(owners.device)[owners.long(), parts.long()]
    pictures = channels.reshape(-1, *channels.shape[-2:])
    count = len(tree.channels)
    # The channels that each picture shows; the last one is IGNORE's.
    shown = torch.zeros(len(pictures), count + 1, dtype=torch.bool, device=owners.device)
    index = torch.where(pictures == IGNORE, count, pictures).flatten(1).long()
    shown.scatter_(1, index, torch.ones_like(index, dtype=torch.bool))
    known = torch.full((len(pictures), count + 1), IGNORE, dtype=torch.int16, device=owners.device)
    for offset, size in zip(tree.offsets, tree.sizes, strict=True):
        block = torch.arange(offset, offset + size, dtype=torch.int16, device=owners.device)
        annotated = shown[:, offset + 1 : offset + size].any(dim=1, keepdim=True)
        known[:, offset : offset + size] = torch.where(annotated, block, IGNORE)
    return known.gather(1, index).view(channels.shape)
