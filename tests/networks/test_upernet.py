"""What UPerNets of others do differently."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from sceneparse.networks import UPerNet, resize
from sceneparse.networks.backbones import make_backbone


def make(**options: object) -> UPerNet:
    torch.manual_seed(0)
    return UPerNet(make_backbone("resnet10t"), 5, **{"channels": 16, **options}).eval()  # type: ignore[arg-type]


def test_features_are_normalised_over_their_channels() -> None:
    plain, normal = make(), make(feature_norm=True)
    normal.load_state_dict(plain.state_dict(), strict=False)
    features = plain.backbone(torch.randn(1, 3, 64, 64))
    expected = [
        (maps - maps.mean(dim=1, keepdim=True)) / (maps.var(dim=1, keepdim=True, correction=0) + 1e-6).sqrt()
        for maps in features
    ]
    torch.testing.assert_close(normal.decode(features), plain.decode(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("align_logits", "expected"), [(None, False), (True, True), (False, False)])
def test_logits_can_be_aligned_otherwise_than_maps(align_logits: bool | None, expected: bool) -> None:
    network, plain = make(align_logits=align_logits), make()
    images = torch.randn(1, 3, 64, 64)
    assert network.align_corners is expected
    assert torch.equal(network(images).logits, plain(images).logits)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("pool", ["avg", "precise"])
def test_grids_can_be_resized_before_they_are_reduced(pool: str, training: bool) -> None:
    pyramid = make(resize_first=True, pool=pool).pyramid
    assert pyramid is not None
    pyramid.train(training)
    branch: Any
    for branch in pyramid.branches:
        torch.nn.init.normal_(branch.norm.bias)
        branch.norm.running_mean.normal_()
    maps = torch.randn(2, 512, 5, 7)
    grids = [F.adaptive_avg_pool2d(maps, side) for side in pyramid.bins] if pool == "avg" else None
    got = pyramid(maps)
    assert torch.equal(got[0], maps) and {value.shape[-2:] for value in got} == {(5, 7)}
    if grids is not None:
        for value, branch, grid in zip(got[1:], pyramid.branches, grids, strict=True):
            expected = branch(resize(grid, (5, 7), False))
            torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("finest", "size"), [(4, 16), (8, 8), (16, 4)])
@pytest.mark.parametrize("fuse", [True, False])
def test_the_finest_level_gives_the_logits_their_size_and_nothing_is_built_below_it(
    finest: int, size: int, fuse: bool
) -> None:
    network = make(finest=finest, fuse=fuse, feature_norm=True).train()
    output = network(torch.randn(2, 3, 64, 64))
    assert output.logits.shape == (2, 5, size, size)
    (output.logits.sum() + output.aux.sum()).backward()
    assert all(weight.grad is not None for weight in network.parameters())


def test_a_bare_fpn_has_a_lateral_convolution_in_place_of_the_pyramid() -> None:
    network = make(bins=(), fuse=False, aux=False)
    assert network.pyramid is None and network.top.conv.kernel_size == (1, 1)
    features = network.backbone(torch.randn(1, 3, 64, 64))
    above = network.top(features[3])
    for maps, lateral in reversed(list(zip(features[:3], network.laterals, strict=True))):
        above = lateral(maps) + resize(above, (maps.shape[-2], maps.shape[-1]), False)
    torch.testing.assert_close(network.decode(features), network.head(network.levels[0](above)))


def test_fusion_is_what_the_paper_adds_last() -> None:
    fused, bare = (sum(weight.numel() for weight in make(fuse=fuse).parameters()) for fuse in (True, False))
    # Three more 3×3 convolutions' worth of input in the head, and those of the two levels between with their norms.
    assert fused - bare == 3 * 16 * 16 * 9 + 2 * (16 * 16 * 9 + 2 * 16)
