"""The loss of a classifier of the whole picture, which learns which classes the picture shows."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sceneparse.devices.sums import widest
from sceneparse.labels import IGNORE
from sceneparse.training.losses.kind import LossContext
from sceneparse.training.losses.pixels import positive


def presence_loss(logits: Tensor, target: Tensor, context: LossContext) -> Tensor:
    """Return the binary cross-entropy of which classes a picture shows, averaged over classes and then pictures.

    A picture weighs as much as counts in it (see `targets.counted`): one without labels says nothing of what it shows,
    and losses of a batch's chunks can be put together like those of its pixels.

    Args:
        logits: (N, C), of `Output.image`.
        target: (N, H, W) int16 class indices.
        context: What the classes weigh; sums over the processes.
    """
    num_classes = logits.shape[1]
    classes = target.long().masked_fill_(target == IGNORE, num_classes).flatten(1)
    wide = widest(logits.device)
    pixels = torch.zeros(len(logits), num_classes + 1, device=logits.device, dtype=wide)
    pixels = pixels.scatter_add_(1, classes, torch.ones_like(classes, dtype=wide))[:, :num_classes]
    losses = F.binary_cross_entropy_with_logits(logits.float(), (pixels > 0).float(), reduction="none").mean(dim=1)
    class_weights = context.class_weights
    weights = (pixels if class_weights is None else pixels * class_weights.to(wide)).sum(dim=1)
    amount = context.total(weights.sum())
    return (losses * weights.to(losses.dtype)).sum() / positive(amount).to(losses.dtype)
