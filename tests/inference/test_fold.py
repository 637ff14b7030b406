"""What cannot be folded exactly is left as it is."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sceneparse.inference.fold import fold_batch_norm
from sceneparse.networks.exact.convolution import ConcatConv2d


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.other = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3, bias=False)
        self.norm, self.second = nn.BatchNorm2d(4), nn.BatchNorm2d(4)
        for norm in (self.norm, self.second):
            assert norm.running_mean is not None and norm.running_var is not None
            norm.running_mean.uniform_(-1, 1)
            norm.running_var.uniform_(0.5, 2)


class Plain(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x)).relu() + self.second(self.other(x))


class OverResizedMaps(Net):
    """A convolution whose weight is split by source on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = ConcatConv2d((3, 3), 4, 3, padding=1, align_corners=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv([x, F.avg_pool2d(x, 2)]))


class NormOfASum(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x) + self.other(x))


class BetweenIsUsed(Net):
    def forward(self, x: Tensor) -> Tensor:
        between = self.conv(x)
        return self.norm(between) + between


class BetweenIsReturned(Net):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        between = self.conv(x)
        return self.norm(between), between


class ConvolutionRunsTwice(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x)) + self.conv(x.flip(-1))


class NormRunsTwice(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x)) + self.norm(self.other(x))


class WeightIsShared(Net):
    def __init__(self) -> None:
        super().__init__()
        self.other.weight = self.conv.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x)) + self.other(x)


class WeightIsChangedOnTheWay(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.norm(F.conv2d(x, self.conv.weight * 2, self.conv.bias))


@pytest.mark.parametrize(
    ("kind", "folded", "ran"),
    [
        (Plain, 2, 2),
        (OverResizedMaps, 1, 1),
        (NormOfASum, 0, 1),
        (BetweenIsUsed, 0, 1),
        (BetweenIsReturned, 0, 1),
        (ConvolutionRunsTwice, 0, 1),
        (NormRunsTwice, 0, 1),
        (WeightIsShared, 0, 1),
        (WeightIsChangedOnTheWay, 0, 1),
    ],
)
def test_only_what_is_exact_is_folded(kind: type[Net], folded: int, ran: int) -> None:
    torch.manual_seed(0)
    network = kind().eval()
    image = torch.randn(2, 3, 9, 11)
    with torch.no_grad():
        before = network(image)
        assert fold_batch_norm(network, 3) == (folded, ran)
        torch.testing.assert_close(network(image), before, rtol=1e-5, atol=1e-5)
