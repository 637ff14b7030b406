"""The Lovász-softmax loss: the convex surrogate of intersection over union."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sceneparse.training.losses.kind import LossContext, LossKind
from sceneparse.training.losses.overlap import Over

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Lovasz:
    """The Lovász-softmax loss (Berman, Rannen Triki & Blaschko, CVPR 2018), averaged over the classes in the truth.

    A class's loss is the Lovász extension of its Jaccard loss at the errors of its probabilities at labelled pixels. A
    class that is not in the truth is left out (`classes='present'` of the authors' code). Class weights weigh the
    classes in the mean. Where nothing is labelled it is 0 with gradients of 0.

    Args:
        over: picture: each picture has its loss (`per_image` of the authors' code), and they are averaged by labelled
            pixels, so that chunks and processes add up; batch: all pictures have one, whose pixels must be sorted
            together, so that it is refused with training.accumulate and in several processes.

    A GPU is waited for at each class: which pixels' errors are sorted depends on what was computed.
    """

    over: Over = "picture"

    def __call__(self, logits: "Tensor", target: "Tensor", context: LossContext) -> "Tensor":
        """Return the loss of a head's logits (see `HeadLoss`)."""
        import torch

        from sceneparse.devices.sums import widest
        from sceneparse.networks.exact.lovasz import upsampled_lovasz
        from sceneparse.training.losses.pixels import pixels_by_class, positive

        number = logits.shape[1]
        truth = pixels_by_class(target, number).to(widest(target.device))
        weights = truth.new_ones(number) if context.class_weights is None else context.class_weights.to(truth)
        if self.over == "batch":
            truth = truth.sum(0, keepdim=True)
        shares = (truth > 0) * weights
        shares = shares / shares.sum(1, keepdim=True).clamp(min=torch.finfo(shares.dtype).tiny)
        amounts = truth @ weights
        whole = context.total(amounts.sum())
        shares = shares * (amounts / positive(whole))[:, None]
        return upsampled_lovasz(logits, target, shares, context.align_corners)


LOVASZ = LossKind(
    title="Lovász-softmax: a convex surrogate of intersection over union",
    make=lambda _, options: options,
    adds_up=lambda options: options.over == "picture",
    uses=frozenset({"class_weights"}),
    options=Lovasz,
)
