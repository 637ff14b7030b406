"""Cross-entropy averaged over the pixels that count, in the one place where it is computed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sceneparse.errors import require
from sceneparse.labels import IGNORE
from sceneparse.training.losses.kind import LossContext, LossKind

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class CrossEntropyOptions:
    """What cross-entropy can be made to do besides.

    Args:
        label_smoothing: This share of a pixel's truth is spread evenly over all classes, as by PyTorch's cross-entropy
            (Szegedy et al., CVPR 2016); 0 is the labels as they are.
    """

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        require_smoothing(self.label_smoothing)


def require_smoothing(label_smoothing: float) -> None:
    """Refuse a share that is spread over all classes if it is not one.

    Raises:
        UserError: It is not in 0..1, or leaves nothing of the labels.
    """
    require(0 <= label_smoothing < 1, f"label_smoothing is {label_smoothing}, but must be 0 or more and below 1")


@dataclass(frozen=True)
class CrossEntropy:
    """The mean cross-entropy of the pixels that count, weighted by their true class: sum(w · ce) / sum(w).

    Where nothing counts it is 0 with gradients of 0. The logits are never resized as a whole (see `exact.banded`).

    Args:
        hard_fraction: Below 1, only this fraction of the pixels that count is kept, those of the highest cross-entropy
            (at least one pixel), each head choosing its own. Pixels of classes of weight 0 don't count.
        hard_threshold: Then every pixel whose true class has a probability below this is kept as well.
        label_smoothing: See `CrossEntropyOptions`; the pixels that are kept are chosen without it. The numbers are
            those of `F.cross_entropy`, class weights included; but pixels of classes of weight 0 don't count at all.
    """

    hard_fraction: float = 1.0
    hard_threshold: float = 0.7
    label_smoothing: float = 0.0

    def __call__(self, logits: "Tensor", target: "Tensor", context: LossContext) -> "Tensor":
        """Return the loss of a head's logits (see `HeadLoss`)."""
        # Not at the top: reading a recipe must not wait for torch.

        from sceneparse.networks.exact.banded import upsampled_cross_entropy, upsampled_losses, upsampled_sum
        from sceneparse.networks.exact.pixel_losses import SmoothedCrossEntropy
        from sceneparse.training.losses.mining import hard_pixels
        from sceneparse.training.losses.pixels import weighed, weights_of

        if self.hard_fraction < 1:
            classes, weights = weights_of(target, context)
            losses = upsampled_losses(logits, classes, context.align_corners)
            # What weighs nothing must not fill the quota.
            kept = hard_pixels(losses, weights > 0, self.hard_fraction, self.hard_threshold, context.total)
            target = target.masked_fill(~kept, IGNORE)
        pixels = weighed(target, context)
        if self.label_smoothing:
            form = SmoothedCrossEntropy(self.label_smoothing, context.class_weights)
            loss = upsampled_sum(form, logits, pixels.classes, (pixels.weights > 0).float(), context.align_corners)
        else:
            loss = upsampled_cross_entropy(logits, pixels.classes, pixels.weights, context.align_corners)
        return pixels.mean(loss)


CROSS_ENTROPY = LossKind(
    title="cross-entropy averaged over the pixels that count",
    make=lambda settings, options: CrossEntropy(
        settings.hard_fraction, settings.hard_threshold, options.label_smoothing
    ),
    adds_up=True,
    uses=frozenset({"class_weights", "hard_fraction", "hard_threshold"}),
    options=CrossEntropyOptions,
)
