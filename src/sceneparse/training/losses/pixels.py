"""Which pixels of a batch count for a loss, and what they weigh together."""

from typing import NamedTuple

import torch
from torch import Tensor

from sceneparse.devices.sums import wide_sum
from sceneparse.labels import IGNORE
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
        return total / torch.where(self.amount > 0, self.amount, 1.0).to(total.dtype)


def weighed(target: Tensor, context: LossContext) -> Weighed:
    """Weigh the pixels of a target (N, H, W) by the class weights."""
    counts = target != IGNORE
    classes = torch.where(counts, target, 0)
    weights = counts.float()
    if context.class_weights is not None:
        weights = weights * context.class_weights[classes.long()]
    return Weighed(classes, weights, context.total(wide_sum(weights)))
