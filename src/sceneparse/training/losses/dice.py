"""The Dice loss: one minus twice the overlap over the sum of what is found and what is there, class by class."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sceneparse.training.losses.kind import LossKind
from sceneparse.training.losses.overlap import Counted, Over, OverlapLoss, Sums, require_smooth

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Dice(OverlapLoss):
    """The soft Dice loss over softmax probabilities p and the one-hot truth g, averaged over classes.

    A class's loss is 1 - (2 · sum(p · g) + smooth) / (sum(p) + sum(g) + smooth), summed over labelled pixels (as in
    nnU-Net), or with p² in place of p (V-Net, Milletari et al., 3DV 2016). A class that is not in the truth is left out
    of the mean, so that it neither helps nor hinders; with `classes: all` it is counted, and what is found of it is
    wrong. Class weights weigh the classes in the mean. Where nothing is labelled it is 0 with gradients of 0.

    Args:
        smooth: Added above and below the fraction, in pixels.
        denominator: plain sums up probabilities (nnU-Net), squared their squares (V-Net).
        classes: present: the mean is over the classes in the truth of what is summed over; all: over all classes.
        over: batch: one sum over all pictures and processes, which training.accumulate cannot have; picture: one for
            each picture, whose losses are averaged by labelled pixels.
    """

    smooth: float = 1.0
    denominator: Literal["plain", "squared"] = "plain"
    classes: Counted = "present"
    over: Over = "batch"

    def __post_init__(self) -> None:
        require_smooth(self.smooth, self.classes)

    @property
    def squared(self) -> bool:
        """Whether probabilities are squared in the sums over all pixels."""
        return self.denominator == "squared"

    def index(self, sums: Sums) -> "tuple[Tensor, Tensor]":
        """Return the index of overlap, its numerator and its denominator, each of the shape of the sums (…, C)."""
        return 2 * sums.both + self.smooth, sums.found + sums.truth + self.smooth


DICE = LossKind(
    title="Dice: twice the overlap over the sum of what is found and what is there",
    make=lambda _, options: options,
    adds_up=lambda options: options.over == "picture",
    uses=frozenset({"class_weights"}),
    options=Dice,
    shared=True,
)
