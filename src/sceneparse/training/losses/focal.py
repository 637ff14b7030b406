"""The focal loss: cross-entropy in which pixels that are right already count little."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sceneparse.errors import require
from sceneparse.training.losses.cross_entropy import require_smoothing
from sceneparse.training.losses.kind import LossContext, LossKind

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Focal:
    """The focal loss (Lin et al., ICCV 2017, section 3), averaged over the pixels that count: sum(w · f) / sum(w).

    f = (1 - p)^gamma · -log p, where p is the probability of a pixel's true class. The weights w of the true classes
    are the paper's alpha; the paper divides by the number of objects, which has no meaning for pixels. Where nothing
    counts it is 0 with gradients of 0. A class that the batch doesn't show counts nothing, as in cross-entropy.

    Args:
        gamma: How strongly pixels that are right already are left aside; 0 is cross-entropy.
        label_smoothing: This share of a pixel's truth is spread evenly over all classes, each of which then has its own
            focal loss. With gamma 0 it is that of cross_entropy.
    """

    gamma: float = 2.0
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        require(self.gamma >= 0, f"gamma is {self.gamma}, but must be 0 or more")
        require_smoothing(self.label_smoothing)

    def __call__(self, logits: "Tensor", target: "Tensor", context: LossContext) -> "Tensor":
        """Return the loss of a head's logits (see `HeadLoss`)."""
        # Not at the top: reading a recipe must not wait for torch.
        from sceneparse.networks.exact import pixel_losses
        from sceneparse.networks.exact.banded import upsampled_sum
        from sceneparse.training.losses.pixels import weighed

        pixels = weighed(target, context)
        form = pixel_losses.Focal(self.gamma, self.label_smoothing, context.class_weights)
        loss = upsampled_sum(form, logits, pixels.classes, (pixels.weights > 0).float(), context.align_corners)
        return pixels.mean(loss)


FOCAL = LossKind(
    title="focal loss: pixels that are right already count little",
    make=lambda _, options: options,
    adds_up=True,
    uses=frozenset({"class_weights"}),
    options=Focal,
)
