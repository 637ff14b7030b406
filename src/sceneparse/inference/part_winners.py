"""The best part of every pixel's object, and its probability, without an upsampled map of parts.

In a pixel compete the few parts of one object among the hundreds of channels that a part head has. So no map is
resized: the scores of an object's parts are interpolated at its own pixels alone, wherever they lie.
"""

import torch
from torch import Tensor

from sceneparse.inference.tempering import NONE, sureness
from sceneparse.labels import IGNORE, PartTree
from sceneparse.networks.exact.bilinear import Neighbours, neighbours

PIXELS = 1 << 19
"""Pixels among which an object's are looked for at a time: their numbers take eight bytes each."""

SCORES = 1 << 19
"""Scores that are interpolated together: what fits in a cache or so."""


@torch.no_grad()
def part_winners(
    logits: Tensor, objects: Tensor, tree: PartTree, align_corners: bool, temperature: float = NONE
) -> tuple[Tensor, Tensor]:
    """Return the channel of the best part of each pixel's object, and its probability among this object's.

    Args:
        logits: (channels, h, w) of the part head, finite, on the CPU.
        objects: (H, W) int16, the object of each pixel.
        tree: Which parts an object can have, and which channels they are.
        align_corners: As in `networks.resize`.
        temperature: What the logits are divided by before they become probabilities.

    Returns:
        (H, W) int16 channels, `IGNORE` in objects without parts, and (H, W) float32 probabilities, there 0.
    """
    height, width = objects.shape
    labels = torch.full((height * width,), IGNORE, dtype=torch.int16)
    confidence = torch.zeros(height * width)
    down = neighbours(logits.shape[-2], height, align_corners)
    across = neighbours(logits.shape[-1], width, align_corners)
    flat = objects.flatten()
    count = flat.bincount(minlength=len(tree.objects)).tolist()
    for owner, offset, size in zip(tree.owners, tree.offsets, tree.sizes, strict=True):
        if not count[owner]:
            continue
        # An object's few scores side by side: a pixel's are read at once.
        block = logits[offset : offset + size].float().permute(1, 2, 0).contiguous()
        for start in range(0, len(flat), PIXELS):
            found = (flat[start : start + PIXELS] == owner).nonzero()[:, 0] + start
            for pixels in found.split(max(1, SCORES // size)):
                scores = _interpolated(block, pixels, width, down, across)
                best, winner = scores.max(dim=1)
                labels[pixels] = (winner + offset).to(torch.int16)
                confidence[pixels] = sureness(scores.T, best, temperature, logits=True)
    return labels.view(height, width), confidence.view(height, width)


def _interpolated(block: Tensor, pixels: Tensor, width: int, down: Neighbours, across: Neighbours) -> Tensor:
    """Return the scores (n, channels) of some pixels of a picture, which are numbered row by row.

    Args:
        block: (h, w, channels) scores.
        pixels: (n,) their numbers.
        width: The picture's.
        down: Between which of the block's rows the picture's lie.
        across: Between which of its columns.
    """
    rows = pixels.div(width, rounding_mode="floor")
    columns = pixels - width * rows
    cells, line = block.flatten(0, 1), block.shape[1]
    left, right, share = across.before[columns], across.after[columns], across.share[columns].float()[:, None]
    above, below = (
        torch.lerp(cells[row + left], cells[row + right], share)
        for row in (line * down.before[rows], line * down.after[rows])
    )
    return torch.lerp(above, below, down.share[rows].float()[:, None])
