"""Losses of overlap, functions of sums over all pixels: what Dice and the soft Jaccard loss have in common."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal, NamedTuple

from sceneparse.errors import require
from sceneparse.labels import IGNORE
from sceneparse.training.losses.kind import LossContext

if TYPE_CHECKING:
    from torch import Tensor

Over = Literal["batch", "picture"]
"""Over which pixels sums are taken: those of all pictures of a batch, in all processes, or those of each picture."""

Counted = Literal["present", "all"]
"""Which classes have a loss: those in the truth of these pixels, or all."""


class Sums(NamedTuple):
    """Sums over the labelled pixels, of the device's `widest` type and any shape (…, C).

    Args:
        both: Of the probabilities of a class at its own pixels.
        found: Of its probabilities at all pixels, or of their squares.
        truth: Its pixels.
    """

    both: "Tensor"
    found: "Tensor"
    truth: "Tensor"


def require_smooth(smooth: float, classes: Counted) -> None:
    """Refuse a number to be added to both sums that is negative, or that leaves a class without pixels undefined.

    Raises:
        UserError: It is.
    """
    require(smooth >= 0, f"smooth is {smooth}, but must be 0 or more")
    require(
        smooth > 0 or classes == "present",
        "smooth is 0, but must be above 0 with classes all: a class without pixels would learn nothing",
    )


class OverlapLoss(ABC):
    """One minus an index of overlap, class by class, and the mean of that weighted by the class weights: a `HeadLoss`.

    Over the batch, the sums are those of all processes: every process has a share of the value by its labelled pixels,
    and the gradient for its own. Over pictures, each counts as much as its pixels do, so that losses add up.
    """

    classes: Counted
    over: Over

    @property
    def squared(self) -> bool:
        """Whether probabilities are squared in the sums over all pixels."""
        return False

    @abstractmethod
    def index(self, sums: Sums) -> "tuple[Tensor, Tensor]":
        """Return the index of overlap, its numerator and its denominator, each of the shape of the sums (…, C)."""

    def __call__(self, logits: "Tensor", target: "Tensor", context: LossContext) -> "Tensor":
        """Return the loss of a head's logits (see `HeadLoss`)."""
        from sceneparse.networks.exact.class_sums import upsampled_class_sums

        known = target != IGNORE
        labels = target.masked_fill(~known, 0)
        sums = upsampled_class_sums(logits, labels, known, context.align_corners, self.squared)
        return self._of(sums, logits, target, context)

    def with_cross_entropy(self, logits: "Tensor", target: "Tensor", context: LossContext) -> "tuple[Tensor, Tensor]":
        """Return this loss, and plain cross-entropy computed beside it: up to rounding what it is by itself."""
        from sceneparse.networks.exact.class_sums import upsampled_class_sums_and_entropy
        from sceneparse.training.losses.pixels import weighed

        pixels = weighed(target, context)
        found = upsampled_class_sums_and_entropy(
            logits, pixels.classes, target != IGNORE, pixels.weights, context.align_corners, self.squared
        )
        own = self._of(found.sums, logits, target, context)
        return own, pixels.mean(found.entropy.to(own.dtype))

    def _of(self, sums: "Tensor", logits: "Tensor", target: "Tensor", context: LossContext) -> "Tensor":
        """The loss of the sums (2, N, C) over this process's pictures."""
        import torch

        from sceneparse.training.losses.pixels import pixels_by_class

        number = logits.shape[1]
        both, found = sums
        truth = pixels_by_class(target, number).to(both.dtype)
        weights = both.new_ones(number) if context.class_weights is None else context.class_weights.to(both)
        if self.over == "picture":
            losses = self._mean(Sums(both, found, truth), weights)
            amounts = truth @ weights
            loss = (losses * amounts).sum() / _positive(context.total(amounts.sum()))
        else:
            own = torch.stack([both.sum(0), found.sum(0), truth.sum(0)])
            # The value is that of all processes, the gradient that of this one's pixels.
            total = context.total(own.detach()) + (own - own.detach())
            whole = self._mean(Sums(*total), weights)
            share = truth.sum() / _positive(total[2].detach().sum())
            loss = whole.detach() * share + (whole - whole.detach())
        return loss.to(torch.float64 if logits.dtype == torch.float64 else torch.float32)

    def _mean(self, sums: Sums, weights: "Tensor") -> "Tensor":
        """The classes' weighted mean loss (…); 0 where no class counts."""
        above, below = self.index(sums)
        counted = sums.truth > 0
        if self.classes == "all":
            counted = counted.any(dim=-1, keepdim=True).expand_as(counted)
        weights = weights * counted
        return ((1 - above / _positive(below)) * weights).sum(-1) / _positive(weights.sum(-1))


def _positive(values: "Tensor") -> "Tensor":
    """Return values, with 1 for 0: what is divided by it there is 0, or counts nothing."""
    return values.masked_fill(values == 0, 1.0)
