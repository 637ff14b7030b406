"""The fully convolutional baseline that both papers compare with (Long et al., CVPR 2015, arXiv 1411.4038)."""

import torch
from torch import Tensor, nn

from sceneparse.networks.backbones import Backbone
from sceneparse.networks.base import SceneParser
from sceneparse.networks.heads import ConvNormReLU, Head


class FCN(SceneParser):
    """A head on stage 4: PSPNet without its pyramid (the first row of the PSPNet paper's table 1).

    mmsegmentation's has two 3×3 convolutions and a third over their result behind stage 4: `convolutions=2`,
    `concat_input=True`.

    Args:
        backbone: The feature extractor, usually at output stride 8.
        num_classes: Number of classes.
        channels: Width of the head.
        convolutions: Number of 3×3 convolutions, without the one that `concat_input` adds.
        concat_input: Whether one more takes stage 4 and what the others made of it.
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
        convolutions: int = 1,
        concat_input: bool = False,
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
        width = backbone.channels[3]
        # The head brings a convolution of its own, which is the last one.
        before = convolutions if concat_input else convolutions - 1
        self.layers = nn.Sequential(
            *(ConvNormReLU(width if index == 0 else channels, channels, 3) for index in range(before))
        )
        self.concat_input = concat_input
        self.head = Head(self._head_channels(width, channels, before), channels, num_classes, dropout)

    def _head_channels(self, width: int, channels: int, before: int) -> int:
        if self.concat_input:
            return width + channels
        return channels if before else width

    def decode(self, features: list[Tensor]) -> Tensor:
        """Turn the features of stages 1 to 4 into logits at stage 4's size."""
        maps = self.layers(features[3])
        if self.concat_input:
            maps = torch.cat([features[3], maps], dim=1)
        logits: Tensor = self.head(maps)
        return logits
