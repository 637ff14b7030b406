"""Losses of overlap, functions of sums over all pixels: what Dice and the soft Jaccard loss have in common."""

from collections.abc import Callable
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


Index = Callable[[Sums], "tuple[Tensor, Tensor]"]
"""An index of overlap: its numerator and its denominator, each (…, C)."""


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


def overlap_loss(
    logits: "Tensor",
    target: "Tensor",
    context: LossContext,
    index: Index,
    *,
    squared: bool,
    classes: Counted,
    over: Over,
) -> "Tensor":
    """Return the mean over classes of 1 - the index of overlap, weighted by the class weights.

    Over the batch, the sums are those of all processes: every process has a share of the value by its labelled pixels,
    and the gradient for its own. Over pictures, each counts as much as its pixels do, so that losses add up.

    Args:
        logits: See `HeadLoss`.
        target: See there.
        context: See there.
        index: Numerator and denominator of the index of overlap.
        squared: Whether probabilities are squared in the sums over all pixels.
        classes: Which classes have a loss.
        over: What is summed over.
    """
    import torch

    from sceneparse.networks.exact.class_sums import upsampled_class_sums
    from sceneparse.training.losses.pixels import pixels_by_class

    known = target != IGNORE
    labels = target.masked_fill(~known, 0)
    number = logits.shape[1]
    both, found = upsampled_class_sums(logits, labels, known, context.align_corners, squared)
    truth = pixels_by_class(target, number).to(both.dtype)
    weights = both.new_ones(number) if context.class_weights is None else context.class_weights.to(both)
    if over == "picture":
        losses = _mean(Sums(both, found, truth), index, weights, classes)
        amounts = truth @ weights
        loss = (losses * amounts).sum() / _positive(context.total(amounts.sum()))
    else:
        own = torch.stack([both.sum(0), found.sum(0), truth.sum(0)])
        # The value is that of all processes, the gradient that of this one's pixels.
        sums = context.total(own.detach()) + (own - own.detach())
        whole = _mean(Sums(*sums), index, weights, classes)
        share = truth.sum() / _positive(sums[2].detach().sum())
        loss = whole.detach() * share + (whole - whole.detach())
    return loss.to(torch.float64 if logits.dtype == torch.float64 else torch.float32)


def _mean(sums: Sums, index: Index, weights: "Tensor", classes: Counted) -> "Tensor":
    """Return the classes' weighted mean loss (…); 0 where no class counts."""
    above, below = index(sums)
    counted = sums.truth > 0
    if classes == "all":
        counted = counted.any(dim=-1, keepdim=True).expand_as(counted)
    weights = weights * counted
    return ((1 - above / _positive(below)) * weights).sum(-1) / _positive(weights.sum(-1))


def _positive(values: "Tensor") -> "Tensor":
    """Return values, with 1 for 0: what is divided by it there is 0, or counts nothing."""
    return values.masked_fill(values == 0, 1.0)
