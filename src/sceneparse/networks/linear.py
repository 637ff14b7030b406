"""A linear classifier of each patch: how a backbone's features are probed, and the cheapest head that can be trained.

DINOv2 (Oquab et al., 2023, arXiv 2304.07193, section 7.4) puts it on a frozen plain ViT.
"""

import torch
from torch import Tensor, nn

from sceneparse.networks.backbones import Backbone
from sceneparse.networks.base import SceneParser
from sceneparse.networks.heads import Classifier
from sceneparse.networks.resample import resize


class Linear(SceneParser):
    """Batch norm and a 1×1 convolution on the last stage, or on all four put side by side.

    Args:
        backbone: The feature extractor, usually a plain ViT at its own stride.
        num_classes: Number of classes.
        layers: 1 stands on the last stage; 4 on all, resized to the first one's size.
        dropout: Probability of dropping a channel before the classifier.
        align_corners: How maps are resized, and how the logits want to be resized.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        layers: int = 1,
        dropout: float = 0.1,
        align_corners: bool = False,
    ):
        super().__init__(
            backbone, num_classes, aux=False, aux_channels=None, dropout=dropout, align_corners=align_corners
        )
        self.layers = layers
        width = sum(backbone.channels[-layers:])
        self.norm = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout2d(dropout)
        self.classifier = Classifier(width, num_classes, 1)
        nn.init.normal_(self.classifier.weight, std=0.01)
        assert self.classifier.bias is not None
        nn.init.zeros_(self.classifier.bias)

    def decode(self, features: list[Tensor]) -> Tensor:
        """Turn the features of the stages into logits at the size of the first that is taken."""
        taken = features[-self.layers :]
        size = (taken[0].shape[-2], taken[0].shape[-1])
        maps = [taken[0], *(resize(one, size, self.align_corners) for one in taken[1:])]
        logits: Tensor = self.classifier(self.dropout(self.norm(torch.cat(maps, dim=1))))
        return logits
