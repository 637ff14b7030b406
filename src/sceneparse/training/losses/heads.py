"""The loss of a network of one task: the main head's, and the auxiliary head's."""

from typing import NamedTuple

from torch import Tensor

from sceneparse.networks import Output
from sceneparse.training.losses.kind import HeadLoss, LossContext
from sceneparse.training.losses.presence import presence_loss


class Loss(NamedTuple):
    """A loss and what it is made of, all scalars: total = main + aux_weight · aux."""

    total: Tensor
    main: Tensor
    aux: Tensor | None


def segmentation_loss(
    output: Output, target: Tensor, context: LossContext, *, loss: HeadLoss, aux_weight: float
) -> Loss:
    """Return the loss of the main and the auxiliary head (PSPNet paper, section 3.3), each resized to the target.

    A network that classifies the whole picture instead of having an auxiliary head learns that by `presence_loss`.

    Args:
        output: Logits (N, C, h, w) at the network's strides.
        target: (N, H, W) int16 class indices.
        context: How logits are resized, and what the classes weigh. The sums over processes that it has make the
            processes' losses add up to that of the batch.
        loss: What is computed of each head.
        aux_weight: Weight of the auxiliary loss.
    """
    main = loss(output.logits, target, context)
    if output.aux is not None:
        aux = loss(output.aux, target, context)
    elif output.image is not None:
        aux = presence_loss(output.image, target, context)
    else:
        return Loss(main, main, None)
    return Loss(main + aux_weight * aux, main, aux)
