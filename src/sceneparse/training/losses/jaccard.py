"""The soft Jaccard loss: one minus intersection over union of probabilities, class by class."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sceneparse.training.losses.kind import LossKind
from sceneparse.training.losses.overlap import Counted, Over, OverlapLoss, Sums, require_smooth

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Jaccard(OverlapLoss):
    """The soft Jaccard loss over softmax probabilities p and the one-hot truth g (Rahman & Wang, ISVC 2016).

    A class's loss is 1 - (sum(p · g) + smooth) / (sum(p) + sum(g) - sum(p · g) + smooth), summed over labelled pixels;
    the classes' mean is taken. A class that is not in the truth is left out of it, so that it neither helps nor
    hinders; with `classes: all` it is counted, and what is found of it is wrong. Class weights weigh the classes in the
    mean. Where nothing is labelled it is 0 with gradients of 0.

    Args:
        smooth: Added above and below the fraction, in pixels.
        classes: present: the mean is over the classes in the truth of what is summed over; all: over all classes.
        over: batch: one sum over all pictures and processes, which training.accumulate cannot have; picture: one for
            each picture, whose losses are averaged by labelled pixels.
    """

    smooth: float = 1.0
    classes: Counted = "present"
    over: Over = "batch"

    def __post_init__(self) -> None:
        require_smooth(self.smooth, self.classes)

    def index(self, sums: Sums) -> "tuple[Tensor, Tensor]":
        """Return the index of overlap, its numerator and its denominator, each of the shape of the sums (…, C)."""
        return sums.both + self.smooth, sums.found + sums.truth - sums.both + self.smooth


JACCARD = LossKind(
    title="soft Jaccard: intersection over union of probabilities",
    make=lambda _, options: options,
    adds_up=lambda options: options.over == "picture",
    uses=frozenset({"class_weights"}),
    options=Jaccard,
    shared=True,
)
