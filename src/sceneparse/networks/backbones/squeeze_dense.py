"""SqueezeNet and DenseNet that end at stride 8, as a published PSPNet has them and timm does not.

github.com/Lextal/pspnet-pytorch rebuilt SqueezeNet and DenseNet for dense prediction. Both keep the names that
torchvision gives the layers, so that its ImageNet weights fit.
"""

from collections.abc import Sequence

import timm
import torch
from torch import Tensor, nn

from sceneparse.networks.backbones.base import Backbone, BackboneKind
from sceneparse.networks.backbones.depth import stages_of_parameters


class Fire(nn.Module):
    """The fire module of SqueezeNet (Iandola et al., 2016, arXiv 1602.07360, section 3.2).

    A 1×1 convolution squeezes, then a 1×1 and a 3×3 one expand side by side; ReLU behind each.
    (N, in_channels, h, w) to (N, 2 · channels, h, w).
    """

    def __init__(self, in_channels: int, squeezed: int, channels: int, dilation: int):
        super().__init__()
        self.squeeze = nn.Conv2d(in_channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, channels, 1)
        self.expand3x3 = nn.Conv2d(squeezed, channels, 3, padding=dilation, dilation=dilation)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, maps: Tensor) -> Tensor:
        """Turn (N, in_channels, h, w) into (N, 2 · channels, h, w)."""
        squeezed = self.relu(self.squeeze(maps))
        return torch.cat([self.relu(self.expand1x1(squeezed)), self.relu(self.expand3x3(squeezed))], dim=1)


class SqueezeNet(nn.Module):
    """SqueezeNet 1.1 without its third pooling: dilation 2 after the second, 4 after where the third would be.

    The first convolution and the poolings have padding 1, where torchvision's have none and round up. There is no batch
    norm in it.
    """

    channels = (128, 256, 256, 512)
    ends = (4, 6, 7, 12)

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 64, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
            Fire(64, 16, 64, 1),
            Fire(128, 16, 64, 1),
            nn.MaxPool2d(3, stride=2, padding=1),
            Fire(128, 32, 128, 2),
            Fire(256, 32, 128, 2),
            nn.Identity(),
            Fire(256, 48, 192, 4),
            Fire(384, 48, 192, 4),
            Fire(384, 64, 256, 4),
            Fire(512, 64, 256, 4),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Turn (N, in_channels, H, W) into four maps at strides 4, 8, 8, 8."""
        return _maps(self.features, self.ends, images)


class DenseNet(nn.Module):
    """DenseNet-121 (Huang et al., CVPR 2017) that pools between its first two blocks only and so ends at stride 8.

    It has no dilation, and ends before its last normalisation. Stage 3 is the map before the last block, at half the
    third block's width. The pooling leaves out an odd last row and column, so sides are those of a picture of 8 ·
    floor(ceil(side / 4) / 2).
    """

    channels = (256, 512, 512, 1024)
    ends = (3, 5, 8, 9)

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        features = timm.create_model("densenet121", pretrained=False, in_chans=in_channels).get_submodule("features")
        for name in ("transition2", "transition3"):
            features.get_submodule(name).pool = nn.Identity()
        del features.norm5
        assert isinstance(features, nn.Sequential)
        self.features = features

    def forward(self, images: Tensor) -> list[Tensor]:
        """Turn (N, in_channels, H, W) into four maps at strides 4, 8, 8, 8."""
        return _maps(self.features, self.ends, images)


def _maps(layers: nn.Sequential, ends: tuple[int, ...], maps: Tensor) -> list[Tensor]:
    """Return the outputs of the layers with these indices."""
    found = []
    for index, layer in enumerate(layers):
        maps = layer(maps)
        if index in ends:
            found.append(maps)
    return found


class Stride8(Backbone):
    """A backbone that always ends at stride 8.

    Args:
        name: The name that `backbone.name` gives it.
        body: The layers.
        in_channels: Channels of the picture.
        classifier: The beginnings of what torchvision's whole network has beyond them.
    """

    def __init__(self, name: str, body: SqueezeNet | DenseNet, in_channels: int, classifier: Sequence[str]) -> None:
        super().__init__(name, body, channels=list(body.channels), strides=(4, 8, 8, 8))
        self._classifier = classifier
        self._in_channels = in_channels

    def forward(self, images: Tensor) -> list[Tensor]:
        """Turn normalised pictures (N, in_channels, H, W) into four maps at strides 4, 8, 8, 8."""
        maps: list[Tensor] = self.body(images)
        return maps

    def depth_groups(self) -> list[list[nn.Parameter]]:
        """Return the parameters of each stage, the stem's with the first; see `Backbone.depth_groups`."""
        return stages_of_parameters(self, self._in_channels, list(self.pretrained_parameters()))

    def classifier_keys(self) -> Sequence[str]:
        """Return the prefixes of the keys of torchvision's classifier; see `Backbone.classifier_keys`."""
        return self._classifier


SQUEEZENET = BackboneKind(lambda name, channels: Stride8(name, SqueezeNet(channels), channels, ("classifier.1.",)), 8)
"""SqueezeNet 1.1."""

DENSENET = BackboneKind(
    lambda name, channels: Stride8(name, DenseNet(channels), channels, ("classifier.", "features.norm5.")), 8
)
"""DenseNet-121."""
