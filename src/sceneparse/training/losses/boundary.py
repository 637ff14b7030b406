"""Cross-entropy in which pixels near a border between classes weigh more."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sceneparse.errors import require
from sceneparse.training.losses.kind import LossContext, LossKind

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class BoundaryCrossEntropy:
    """Cross-entropy with U-Net's weight map (Ronneberger et al., MICCAI 2015, equation 2), averaged over the pixels.

    A pixel weighs 1 + weight · exp(-d² / (2 · distance²)). In the paper d is the sum of the distances to the nearest
    and to the second nearest cell. Where every pixel lies in a region of its class, the first is 0 and the second is
    the distance to the nearest pixel of another class. Class weights multiply this, where the paper adds them, so that
    a class of weight 0 counts nothing. The sum is divided by that of the class weights alone: away from borders it is
    cross-entropy, and what borders add comes on top.

    Pixels without a label are no class and make no border. Distances are exact, in pixels of the crop that is trained
    on. Where nothing counts it is 0 with gradients of 0.

    Args:
        weight: What a pixel on a border weighs more than one far away (w0).
        distance: How far from a border the weights fall off, in pixels (sigma).
    """

    weight: float = 10.0
    distance: float = 5.0

    def __post_init__(self) -> None:
        require(self.weight > 0, f"weight is {self.weight}, but must be above 0; without it use kind cross_entropy")
        require(self.distance > 0, f"distance is {self.distance}, but must be above 0")

    def __call__(self, logits: "Tensor", target: "Tensor", context: LossContext) -> "Tensor":
        """Return the loss of a head's logits (see `HeadLoss`)."""
        # Not at the top: reading a recipe must not wait for torch.
        from sceneparse.networks.exact.banded import upsampled_cross_entropy
        from sceneparse.networks.exact.bands import precision
        from sceneparse.training.losses.pixels import weighed

        pixels = weighed(target, context)
        weights = pixels.weights * self.map(target, precision(logits))
        loss = upsampled_cross_entropy(logits, pixels.classes, weights, context.align_corners)
        return pixels.mean(loss)

    def map(self, target: "Tensor", dtype: "torch.dtype") -> "Tensor":
        """Return what each pixel of a target (N, H, W) weighs for its distance from borders."""
        import torch

        from sceneparse.training.losses.borders import squared_distance_to_another_class

        # Beyond this a weight is 1, as its type rounds.
        limit = self.distance * math.sqrt(2 * math.log(max(4 * self.weight / torch.finfo(dtype).eps, 1)))
        squares = squared_distance_to_another_class(target, math.ceil(limit))
        return 1 + self.weight * torch.exp(squares.to(dtype) * (-0.5 / self.distance**2))


BOUNDARY_CROSS_ENTROPY = LossKind(
    title="cross-entropy that weighs pixels near borders between classes more",
    make=lambda _, options: options,
    adds_up=True,
    uses=frozenset({"class_weights"}),
    options=BoundaryCrossEntropy,
)
