"""The layers of which heads are made, and the head that ends in a classifier."""

from collections.abc import Callable, Sequence

from torch import nn

MakeConvolution = Callable[..., nn.Conv2d]
"""`torch.nn.Conv2d`, or what takes its arguments and makes a convolution of another form."""

Channels = int | Sequence[int]
"""Channels of a map, or of each of the maps that a convolution takes."""


def convolution(
    in_channels: Channels, out_channels: int, kernel: int, bias: bool = False, make: MakeConvolution = nn.Conv2d
) -> nn.Conv2d:
    """Make a convolution of stride 1 that keeps the map's size, its weights drawn by He's rule (arXiv 1502.01852)."""
    layer = make(in_channels, out_channels, kernel, padding=kernel // 2, bias=bias)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class Classifier(nn.Conv2d):
    """A 1×1 convolution to the classes' scores, by whose differences labels are chosen.

    It is known by this type where a network is brought into a format of few digits: its scores keep all of theirs.
    """


def classifier(in_channels: int, num_classes: int, kernel: int = 1) -> nn.Conv2d:
    """Make the last layer of a head, with a bias."""
    return convolution(in_channels, num_classes, kernel, bias=True, make=Classifier if kernel == 1 else nn.Conv2d)


class ConvNormReLU(nn.Sequential):
    """Convolution, batch norm and ReLU: (N, in_channels, h, w) to (N, out_channels, h, w).

    Given channels of several maps, and `make` of a convolution that takes them, it takes a list of maps.
    """

    def __init__(
        self,
        in_channels: Channels,
        out_channels: int,
        kernel: int,
        norm: type[nn.BatchNorm2d] = nn.BatchNorm2d,
        make: MakeConvolution = nn.Conv2d,
    ):
        super().__init__()
        self.conv = convolution(in_channels, out_channels, kernel, make=make)
        self.norm = norm(out_channels)
        self.relu = nn.ReLU(inplace=True)


class Head(nn.Sequential):
    """Convolution to `channels`, batch norm, ReLU, dropout of whole channels, and a classifier.

    The end of every network here (PSPNet paper, section 3.2; UPerNet paper, figure 4) and, on stage 3, their auxiliary
    head (PSPNet paper, section 3.3). Their kernels are 3×3 and 1×1; the other way round in segmentation_models_pytorch.
    Maps (N, in_channels, h, w), or lists as in `ConvNormReLU`, to logits (N, num_classes, h, w).
    """

    def __init__(
        self,
        in_channels: Channels,
        channels: int,
        num_classes: int,
        dropout: float,
        make: MakeConvolution = nn.Conv2d,
        kernel: int = 3,
        classifier_kernel: int = 1,
    ):
        super().__init__()
        self.layer = ConvNormReLU(in_channels, channels, kernel, make=make)
        self.dropout = nn.Dropout2d(dropout)
        self.classifier = classifier(channels, num_classes, classifier_kernel)


def auxiliary_channels(in_channels: int) -> int:
    """Return an auxiliary head's width: a quarter of its input, as in the PSPNet release, but at least 64.

    A narrow backbone (MobileNetV2's stage 3 has 96 channels) would otherwise be supervised through a needle's eye.
    """
    return max(in_channels // 4, 64)
