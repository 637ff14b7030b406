"""The base class of all networks, and the form of their output."""

from typing import NamedTuple

from torch import Tensor, nn

from sceneparse.networks.backbones import Backbone
from sceneparse.networks.heads import Head, auxiliary_channels
from sceneparse.settings import Temperatures


class Output(NamedTuple):
    """The output of a network.

    Args:
        logits: (N, classes, h, w) at the network's own stride; not upsampled.
        aux: The auxiliary head's logits (N, classes, h', w') in training mode, otherwise None.
        image: Logits (N, classes) of which classes the picture shows at all, of networks that say so, otherwise None.
    """

    logits: Tensor
    aux: Tensor | None
    image: Tensor | None = None


class SceneParser(nn.Module):
    """A backbone, a decoder of its features, and an auxiliary head on stage 3.

    A network fills in `decode`. Parameters outside `backbone` are new: they start random and learn faster.

    Args:
        backbone: The feature extractor.
        num_classes: Number of classes C.
        aux: Whether there is an auxiliary head (PSPNet paper, section 3.3).
        aux_channels: Its width; None takes `auxiliary_channels`.
        dropout: Probability of dropping a channel before each classifier.
        align_corners: How maps are resized inside the network, and how its logits want to be resized.

    Of two classes, the second is taken where its probability is above `threshold`. What each class is in a mirror image
    says `mirror_image`, by index; where it is empty, all stay what they are. Logits are given as they are: to become
    probabilities they are divided by `temperatures`.
    """

    threshold: float = 0.5
    mirror_image: tuple[int, ...] = ()
    temperatures: Temperatures = Temperatures()

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        aux: bool,
        aux_channels: int | None,
        dropout: float,
        align_corners: bool,
    ):
        super().__init__()
        self.backbone = backbone
        self.num_classes = num_classes
        self.align_corners = align_corners
        self.aux_head: Head | None = None
        if aux:
            width = backbone.channels[2]
            self.aux_head = Head(width, aux_channels or auxiliary_channels(width), num_classes, dropout)

    def decode(self, features: list[Tensor]) -> Tensor:
        """Turn the features of stages 1 to 4 into logits (N, C, h, w)."""
        raise NotImplementedError(f"{type(self).__name__} has no decode()")

    def auxiliary(self, features: list[Tensor]) -> Tensor | None:
        """Return the auxiliary head's logits (N, C, h', w') for the features; None without such a head."""
        if self.aux_head is None:
            return None
        logits: Tensor = self.aux_head(features[2])
        return logits

    def forward(self, images: Tensor) -> Output:
        """Turn normalised pictures (N, channels, H, W), of any size, into logits."""
        features = self.backbone(images)
        return Output(self.decode(features), self.auxiliary(features) if self.training else None)
