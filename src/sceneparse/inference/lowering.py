"""Networks in 16-bit formats: which weights are rounded, and which numbers stay in float32.

Products are where the time goes, and their factors may have few digits. Kept in float32 is what is cheap and what many
pixels share: biases, the sums of resized maps, and the last product, whose rounding would decide between classes that
are close.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneparse.networks.exact.convolution import ArrangedConcatConv2d, ConcatConv2d
from sceneparse.networks.exact.depthwise import use_plain_depthwise
from sceneparse.networks.exact.full_bias import FullBiasConv2d
from sceneparse.networks.heads import Classifier, Head


def lower_precision(network: nn.Module, dtype: torch.dtype) -> None:
    """Bring, in place, the weights of a network that is only used for inference from now on into a 16-bit format.

    Args:
        network: In float32, batch norms folded, exact convolutions not yet arranged.
        dtype: bfloat16 or float16.
    """
    use_plain_depthwise(network)
    exact_heads = {
        id(module.layer.conv): module
        for module in network.modules()
        if isinstance(module, Head) and isinstance(module.classifier, Classifier)
    }
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, ConcatConv2d) and child.resampling == "exact":
                setattr(module, name, ArrangedConcatConv2d(child, dtype, rounded=id(child) not in exact_heads))
            elif isinstance(child, Classifier):
                child.__class__ = _Float32Classifier
            elif type(child) is nn.Conv2d:
                FullBiasConv2d.become(child, dtype)
            elif isinstance(child, nn.Conv2d | nn.Linear):
                # Autocast would round these at each call.
                child.to(dtype)


class _Float32Classifier(Classifier):
    """A classifier that computes in float32, whatever the format of the rest."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: A002 - torch's name
        with torch.autocast(input.device.type, enabled=False):
            return F.conv2d(input.float(), weight, bias)
