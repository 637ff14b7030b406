"""Which pixels of a batch count for a loss, and what they weigh together."""

from typing import NamedTuple

import torch
from torch import Tensor

from sceneparse.devices.sums import wide_sum
from sceneparse.labels import IGNORE
from sceneparse.networks.exact.reading import reads_are_free
from sceneparse.training.losses.kind import LossContext


class Weighed(NamedTuple):
    """The pixels of a batch, as a mean over them takes them.

    Args:
        classes: (N, H, W) class indices, 0 where nothing counts.
        weights: (N, H, W) float32, 0 where nothing counts, else the class's weight.
        amount: Their sum over all processes, of the device's `widest` type.
    """

    classes: Tensor
    weights: Tensor
    amount: Tensor

    def mean(self, total: Tensor) -> Tensor:
        """Divide a weighted sum by what counts; 0 where nothing does."""
        return total / positive(self.amount).to(total.dtype)


def weighed(target: Tensor, context: LossContext) -> Weighed:
    """Weigh the pixels of a target (N, H, W) by the class weights."""
    classes, weights = weights_of(target, context)
    return Weighed(classes, weights, context.total(wide_sum(weights)))


def weights_of(target: Tensor, context: LossContext) -> tuple[Tensor, Tensor]:
    """Return the classes and the weights of a target (N, H, W), both 0 where nothing counts."""
    counts = target != IGNORE
    classes = target.masked_fill(~counts, 0)
    weights = counts.float()
    if context.class_weights is not None:
        weights = weights * context.class_weights[classes.long()]
    return classes, weights


def positive(amount: Tensor) -> Tensor:
    """Return an amount, with 1 for 0: what is divided by it there is 0."""
    # Not `torch.where`, which copies a number to the device each time and waits for it.
    return amount.masked_fill(~(amount > 0), 1.0)


def pixels_by_class(target: Tensor, number: int) -> Tensor:
    """Return how many pixels each class has: (*, H, W) to (*, number) int64, where * is N or nothing.

    Args:
        target: Class indices below `number`, `IGNORE` where unknown.
        number: Number of classes.
    """
    if target.ndim > 2:
        return torch.stack([pixels_by_class(one, number) for one in target])
    if reads_are_free(target.device):
        return torch.bincount(target[target != IGNORE].long(), minlength=number)
    index = target.masked_fill(target == IGNORE, number).flatten().long()
    pixels = torch.zeros(number + 1, dtype=torch.int64, device=target.device)
    return pixels.scatter_add_(0, index, torch.ones_like(index))[:number]
