import pytest
import torch
from torch import nn

from sceneparse.networks.cost import multiply_adds
from sceneparse.networks.exact.convolution import ArrangedConcatConv2d, ConcatConv2d


class Heads(nn.Module):
    """A map of 4 channels at 8×8 and one of 6 at 2×3, both made of nothing, into a convolution to 5."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.unused = nn.Parameter(torch.empty(0))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layer([images.new_zeros(1, 4, 8, 8), images.new_zeros(1, 6, 2, 3)])


def test_convolutions_count_by_kernel_groups_and_output() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8))
    assert multiply_adds(network, 3, (10, 12)) == 10 * 12 * 8 * 3 * 9 + 5 * 6 * 8 * 9


def test_plain_heads_count_the_whole_convolution() -> None:
    layer = ConcatConv2d([4, 6], 5, 3, padding=1, align_corners=False, resampling="plain")
    assert multiply_adds(Heads(layer), 3, (8, 8)) == 8 * 8 * 5 * (4 + 6) * 9


@pytest.mark.parametrize("arranged", [False, True])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_exact_heads_count_the_taps_on_the_small_map_and_both_resizings(arranged: bool, device: str) -> None:
    layer = ConcatConv2d([4, 6], 5, 3, padding=1, align_corners=False)
    network = Heads(ArrangedConcatConv2d(layer) if arranged else layer).to(device)
    own = 8 * 8 * 5 * 4 * 9
    taps = 9 * (2 * 3) * 6 * 5
    # Three rows of taps times 2 rows of cells, each (8 × 3·3) times (9 × 5); then (8 × 3·2) times (6 × 8·5).
    along_width, along_height = 3 * 2 * 8 * 9 * 5, 8 * 6 * 8 * 5
    assert multiply_adds(network, 3, (8, 8)) == own + taps + along_width + along_height
