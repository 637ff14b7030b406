"""Cross-entropy averaged over the pixels that count, in the one place where it is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sceneparse.labels import IGNORE
from sceneparse.training.losses.kind import LossContext, LossKind

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class CrossEntropy:
    """The mean cross-entropy of the pixels that count, weighted by their true class: sum(w · ce) / sum(w).

    Where nothing counts it is 0 with gradients of 0. The logits are never resized as a whole (see `exact.banded`).

    Args:
        hard_fraction: Below 1, only this fraction of the pixels that count is kept, those of the highest cross-entropy
            (at least one pixel), each head choosing its own.
        hard_threshold: Then every pixel whose true class has a probability below this is kept as well.
    """

    hard_fraction: float = 1.0
    hard_threshold: float = 0.7

    def __call__(self, logits: Tensor, target: Tensor, context: LossContext) -> Tensor:
        """Return the loss of a head's logits (see `HeadLoss`)."""
        # Not at the top: reading a recipe must not wait for torch.
        import torch

        from sceneparse.networks.exact.banded import upsampled_cross_entropy, upsampled_losses
        from sceneparse.training.losses.mining import hard_pixels

        counts = target != IGNORE
        classes = torch.where(counts, target, 0)
        if self.hard_fraction < 1:
            losses = upsampled_losses(logits, classes, context.align_corners)
            counts = counts & hard_pixels(losses, counts, self.hard_fraction, self.hard_threshold, context.total)
        weights = counts.float()
        if context.class_weights is not None:
            weights = weights * context.class_weights[classes.long()]
        amount = context.total(weights.sum(dtype=torch.float64))
        loss = upsampled_cross_entropy(logits, classes, weights, context.align_corners)
        return loss / torch.where(amount > 0, amount, 1.0).to(loss.dtype)


CROSS_ENTROPY = LossKind(
    title="cross-entropy averaged over the pixels that count",
    make=lambda settings, _: CrossEntropy(settings.hard_fraction, settings.hard_threshold),
    adds_up=True,
    uses=frozenset({"class_weights", "hard_fraction", "hard_threshold"}),
)
