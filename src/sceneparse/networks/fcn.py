"""The fully convolutional baseline that both papers compare with (Long et al., CVPR 2015, arXiv 1411.4038)."""

import torch
from torch import Tensor, nn

from sceneparse.networks.backbones import Backbone
from sceneparse.networks.base import SceneParser
from sceneparse.networks.exact.convolution import concatenate
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
        head_dilation: Dilation of the convolutions, the auxiliary head's included, without the one that `concat_input`
            adds.
        concat_stages: Whether the head stands on all stages, resized to the first's size and put side by side (HRNetV2,
            Sun et al., 2019, arXiv 1904.04514), instead of stage 4.
        kernel: Side of the head's kernels.
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
        head_dilation: int = 1,
        concat_stages: bool = False,
        kernel: int = 3,
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
        width = sum(backbone.channels) if concat_stages else backbone.channels[3]
        # The head brings a convolution of its own, which is the last one.
        before = convolutions if concat_input else convolutions - 1
        self.layers = nn.Sequential(
            *(ConvNormReLU(width if index == 0 else channels, channels, kernel) for index in range(before))
        )
        self.concat_input = concat_input
        self.concat_stages = concat_stages
        self.head = Head(self._head_channels(width, channels, before), channels, num_classes, dropout, kernel=kernel)
        dilated = [*self.layers, *([] if concat_input else [self.head.layer])]
        if self.aux_head is not None:
            dilated.append(self.aux_head.layer)
        for layer in dilated:
            assert isinstance(layer, ConvNormReLU)
            layer.conv.dilation = (head_dilation, head_dilation)
            layer.conv.padding = tuple(head_dilation * (side // 2) for side in layer.conv.kernel_size)

    def _head_channels(self, width: int, channels: int, before: int) -> int:
        if self.concat_input:
            return width + channels
        return channels if before else width

    def decode(self, features: list[Tensor]) -> Tensor:
        """Turn the features of stages 1 to 4 into logits at stage 4's size, or at stage 1's with `concat_stages`."""
        stage = concatenate(features, self.align_corners) if self.concat_stages else features[3]
        maps = self.layers(stage)
        if self.concat_input:
            maps = torch.cat([stage, maps], dim=1)
        logits: Tensor = self.head(maps)
        return logits
