"""How far each pixel of a label map is from the next one of another class."""

import torch
from torch import Tensor

from sceneparse.labels import IGNORE

FAR = 1 << 14
"""What stands for no distance; its square, and a sum of two, fit an int32."""


def squared_distance_to_another_class(target: Tensor, limit: int) -> Tensor:
    """Return the square of the Euclidean distance from each pixel to the next one of another class.

    Exact up to the limit. `IGNORE` is no class: a strip of it between two classes leaves each at its distance from the
    other. First along rows: the nearest labelled pixel, and the nearest whose class is not that one's. Then down the
    columns: of each row within the limit, the one of the two that is of another class than the pixel.

    Args:
        target: (N, H, W) class indices.
        limit: Distances up to this are wanted, in pixels.

    Returns:
        (N, H, W) int32; anything above limit² where no other class is as near. 0 where a pixel is `IGNORE`.
    """
    classes, near, other = _along_rows(target)
    near, other = near * near, other * other
    height = target.shape[1]
    found = torch.full_like(near, FAR * FAR)
    for step in range(-min(limit, height - 1), min(limit, height - 1) + 1):
        here, there = (slice(max(0, sign * step), height + min(0, sign * step)) for sign in (-1, 1))
        differs = classes[:, there] != target[:, here]
        distance = torch.where(differs, near[:, there], other[:, there]).add_(step * step)
        found[:, here] = torch.minimum(found[:, here], distance)
    return found.masked_fill_(target == IGNORE, 0)


def _along_rows(target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return of each pixel's row the nearest labelled pixel's class and distance, and the distance of another class."""
    left = _to_the_left(target)
    right = [values.flip(2) for values in _to_the_left(target.flip(2))]
    (class_l, near_l, other_l), (class_r, near_r, other_r) = left, right
    nearer = near_l <= near_r
    classes = torch.where(nearer, class_l, class_r)
    near = torch.minimum(near_l, near_r)
    # On the far side the nearest pixel may be of the same class; if so, the next after it counts.
    same = class_l == class_r
    beyond_l, beyond_r = torch.where(same, other_l, near_l), torch.where(same, other_r, near_r)
    other = torch.where(nearer, torch.minimum(other_l, beyond_r), torch.minimum(other_r, beyond_l))
    return classes, near, other


def _to_the_left(target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return of each pixel the class and distance of the last labelled one up to it, and the distance of another class.

    Where there is none the distance is `FAR` and the class `IGNORE`.
    """
    width = target.shape[2]
    columns = torch.arange(width, dtype=torch.int32, device=target.device).expand(target.shape)
    last = columns.masked_fill(target == IGNORE, -1).cummax(dim=2).values
    classes = target.gather(2, last.clamp(min=0).long())
    # The labelled pixel before each one; where the class changes, it is the last of another class.
    before = torch.cat([torch.full_like(last[..., :1], -1), last[..., :-1]], dim=2)
    changed = (before >= 0) & (last == columns) & (target.gather(2, before.clamp(min=0).long()) != target)
    another = before.masked_fill(~changed, -1).cummax(dim=2).values
    near, other = ((columns - found).masked_fill_(found < 0, FAR) for found in (last, another))
    return classes.masked_fill_(last < 0, IGNORE), near, other
