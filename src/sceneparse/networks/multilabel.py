"""The multi-label PSPNet: full-size scores in three learnt steps, and a classifier of the whole picture.

A re-implementation of PSPNet in PyTorch (github.com/Lextal/pspnet-pytorch) that differs from the paper in its decoder
and in its deep supervision.
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from sceneparse.networks.backbones import Backbone
from sceneparse.networks.base import Output, SceneParser
from sceneparse.networks.exact.convolution import ConcatConv2d, Resampling
from sceneparse.networks.heads import classifier, convolution
from sceneparse.networks.pyramid import Branch, Pool, PyramidPooling
from sceneparse.networks.resample import resize

SHRINK = (4, 16, 16)
"""Each step's width is the pyramid's divided by this: 1024 gives 256, 64 and 64."""

IMAGE_CHANNELS = 256
"""Width of the picture classifier's hidden layer; `aux_channels` changes it."""


class UpStep(nn.Module):
    """A step of upsampling to twice the size: 3×3 convolution with bias, batch norm, PReLU."""

    def __init__(self, in_channels: int, channels: int, align_corners: bool):
        super().__init__()
        self.conv = convolution(in_channels, channels, 3, bias=True)
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.PReLU()
        self.align_corners = align_corners

    def forward(self, maps: Tensor) -> Tensor:
        """Turn (N, in_channels, h, w) into (N, channels, 2h, 2w)."""
        size = (2 * maps.shape[-2], 2 * maps.shape[-1])
        larger: Tensor = self.relu(self.norm(self.conv(resize(maps, size, self.align_corners))))
        return larger


class ImageHead(nn.Sequential):
    """A classifier of the whole picture: each channel's maximum, a hidden layer with ReLU, and a logit per class.

    Maps (N, in_channels, h, w) to logits (N, num_classes).
    """

    def __init__(self, in_channels: int, channels: int, num_classes: int):
        super().__init__()
        self.pool = nn.AdaptiveMaxPool2d(1)
        self.flatten = nn.Flatten()
        self.hidden = nn.Linear(in_channels, channels)
        self.relu = nn.ReLU(inplace=True)
        self.classifier = nn.Linear(channels, num_classes)


class MultiLabelPSPNet(SceneParser):
    """Pyramid pooling, a 1×1 convolution over all of it, and three steps of upsampling by 2; a classifier on stage 3.

    Logits come at an eighth of the output stride: at the picture's size for stride 8 and sides that are multiples of
    8, otherwise at 8 · ceil(side / 8).

    Args:
        backbone: The feature extractor, usually at output stride 8.
        num_classes: Number of classes.
        channels: Width behind the pyramid (1024 in the published code); the steps have a quarter and a sixteenth.
        bins: Grid sizes of the pyramid pooling.
        pool: Pooling of the pyramid.
        reduce: Whether each pooled map goes through a 1×1 convolution.
        branch_channels: Its width; None means stage 4's width divided by the number of bins.
        branch: What reduces a pooled map; "linear" in the published code.
        aux: Whether there is a classifier of the whole picture: `Output.image`, in evaluation mode too.
        dropout: Probability of dropping a channel behind the pyramid, and half of it behind each step.
        align_corners: How maps are resized.
        aux_channels: Width of the picture classifier's hidden layer; None means 256.
        resampling: As in `PSPNet`.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        channels: int = 1024,
        bins: Sequence[int] = (1, 2, 3, 6),
        pool: Pool = "avg",
        reduce: bool = True,
        branch_channels: int | None = None,
        branch: Branch = "linear",
        aux: bool = True,
        dropout: float = 0.3,
        align_corners: bool = False,
        aux_channels: int | None = None,
        resampling: Resampling = "exact",
    ):
        super().__init__(
            backbone, num_classes, aux=False, aux_channels=None, dropout=dropout, align_corners=align_corners
        )
        width = backbone.channels[3]
        reduced = (branch_channels or max(width // len(bins), 1)) if reduce else None
        self.pyramid = PyramidPooling(width, bins, branch_channels=reduced, pool=pool, branch=branch)
        concat = partial(ConcatConv2d, align_corners=align_corners, resampling=resampling)
        self.mix = convolution(self.pyramid.channels, channels, 1, bias=True, make=concat)
        self.mix_dropout = nn.Dropout2d(dropout)
        widths = [channels, *(max(channels // shrink, 1) for shrink in SHRINK)]
        self.steps = nn.ModuleList(UpStep(before, after, align_corners) for before, after in pairwise(widths))
        self.step_dropout = nn.Dropout2d(dropout / 2)
        self.classifier = classifier(widths[-1], num_classes)
        self.image_head = ImageHead(backbone.channels[2], aux_channels or IMAGE_CHANNELS, num_classes) if aux else None

    def decode(self, features: list[Tensor]) -> Tensor:
        """Turn the features of stages 1 to 4 into logits at eight times stage 4's size."""
        maps = self.mix_dropout(F.relu(self.mix(self.pyramid(features[3]))))
        for step in self.steps:
            maps = self.step_dropout(step(maps))
        logits: Tensor = self.classifier(maps)
        return logits

    def forward(self, images: Tensor) -> Output:
        """Turn normalised pictures (N, channels, H, W), of any size, into logits."""
        features = self.backbone(images)
        image = None if self.image_head is None else self.image_head(features[2])
        return Output(self.decode(features), None, image)
