"""The fully convolutional baseline that both papers compare with (Long et al., CVPR 2015, arXiv 1411.4038)."""

from torch import Tensor

from sceneparse.networks.backbone import Backbone
from sceneparse.networks.base import SceneParser
from sceneparse.networks.heads import Head


class FCN(SceneParser):
    """A head on stage 4: PSPNet without its pyramid (the first row of the PSPNet paper's table 1).

    Args:
        backbone: The feature extractor, usually at output stride 8.
        num_classes: Number of classes.
        channels: Width of the head.
        aux: Whether there is an auxiliary head on stage 3.
        dropout: Probability of dropping a channel before each classifier.
        align_corners: How the logits want to be resized.
        aux_channels: Width of the auxiliary head; None means a quarter of stage 3's, at least 64.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        channels: int = 512,
        aux: bool = True,
        dropout: float = 0.1,
        align_corners: bool = False,
        aux_channels: int | None = None,
    ):
        super().__init__(
            backbone,
            num_classes,
            aux=aux,
            aux_channels=aux_channels,
            dropout=dropout,
            align_corners=align_corners,
        )
        self.head = Head(backbone.channels[3], channels, num_classes, dropout)

    def decode(self, features: list[Tensor]) -> Tensor:
        """Features of stages 1 to 4 to logits at stage 4's size."""
        logits: Tensor = self.head(features[3])
        return logits
