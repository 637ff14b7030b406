from typing import Any

import pytest
import torch
from torch import nn

from sceneparse.networks.exact.convolution import concatenate
from sceneparse.networks.pyramid import PooledBatchNorm, PyramidPooling

NORM = ("norm.weight", "norm.bias", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked")


def trained(norm: nn.BatchNorm2d) -> Any:
    """The same layer with statistics and weights that are not the initial ones."""
    generator = torch.Generator().manual_seed(1)
    for value in (norm.running_mean, norm.running_var, norm.weight.data, norm.bias.data):
        assert value is not None
        value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
    return norm


def test_a_single_value_a_channel_is_normalised_with_the_running_statistics() -> None:
    norm = trained(PooledBatchNorm(4)).train()
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    maps = torch.randn(1, 4, 1, 1, requires_grad=True)
    output = norm(maps)
    torch.testing.assert_close(output, norm.eval()(maps))
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())
    output.sum().backward()
    assert maps.grad is not None and norm.weight.grad is not None
    assert maps.grad.abs().min() > 0 and norm.weight.grad.abs().min() > 0


@pytest.mark.parametrize("shape", [(2, 4, 1, 1), (1, 4, 1, 2), (3, 4, 5, 6)])
def test_all_other_maps_are_treated_as_by_batch_norm(shape: tuple[int, ...]) -> None:
    ours, theirs = trained(PooledBatchNorm(4)).train(), trained(nn.BatchNorm2d(4)).train()
    maps = torch.randn(*shape)
    assert torch.equal(ours(maps), theirs(maps))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert torch.equal(ours.running_var, theirs.running_var)


def test_sync_batch_norm_can_take_its_place() -> None:
    converted: Any = nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(trained(PooledBatchNorm(4))))
    assert type(converted[0]) is nn.SyncBatchNorm
    before, after = trained(PooledBatchNorm(4)).running_mean, converted[0].running_mean
    assert after is not None and torch.equal(after, before)


def test_the_map_comes_first_then_the_grids_in_order() -> None:
    torch.manual_seed(0)
    maps = torch.randn(2, 8, 9, 11)
    pyramid = PyramidPooling(8, (1, 2), branch_channels=None, pool="avg")
    assert [tuple(grid.shape) for grid in pyramid(maps)] == [(2, 8, 9, 11), (2, 8, 1, 1), (2, 8, 2, 2)]
    output = concatenate(pyramid(maps), align_corners=True)
    assert torch.equal(output[:, :8], maps)
    torch.testing.assert_close(output[:, 8:16], maps.mean((2, 3), keepdim=True).expand_as(maps))
    # With aligned corners the corners of the resized grid are the grid's own: means over quarters of the map.
    torch.testing.assert_close(output[:, 16:, 0, 0], maps[:, :, :5, :6].mean((2, 3)))
    torch.testing.assert_close(output[:, 16:, -1, -1], maps[:, :, 4:, 5:].mean((2, 3)))


def test_maximum_pooling_takes_the_largest_value_of_each_cell() -> None:
    maps = torch.randn(1, 3, 6, 6)
    _, grid = PyramidPooling(3, (1,), branch_channels=None, pool="max")(maps)
    torch.testing.assert_close(grid, maps.amax((2, 3), keepdim=True))


def test_a_branch_pools_reduces_normalises_and_cuts_at_zero() -> None:
    torch.manual_seed(0)
    pyramid = PyramidPooling(8, (3,), branch_channels=4, pool="avg").eval()
    branch: Any = pyramid.branches[0]
    trained(branch.norm)
    maps = torch.randn(1, 8, 7, 10)
    grid = nn.functional.adaptive_avg_pool2d(maps, 3)
    grid = torch.relu(branch.norm(nn.functional.conv2d(grid, branch.conv.weight)))
    torch.testing.assert_close(pyramid(maps)[1], grid)


def test_maps_smaller_than_the_grid_can_be_pooled() -> None:
    pyramid = PyramidPooling(4, (1, 2, 3, 6), branch_channels=2, pool="avg").eval()
    output = concatenate(pyramid(torch.randn(1, 4, 2, 3)), align_corners=False)
    assert output.shape == (1, 12, 2, 3) and pyramid.channels == [4, 2, 2, 2, 2]


@pytest.mark.parametrize(
    ("branch", "first", "second"),
    [
        ("norm", {"conv.weight", *NORM}, {"conv.weight", *NORM}),
        ("norm_but_one", {"conv.weight", "conv.bias"}, {"conv.weight", *NORM}),
        ("bias", {"conv.weight", "conv.bias"}, {"conv.weight", "conv.bias"}),
        ("linear", {"conv.weight"}, {"conv.weight"}),
    ],
)
def test_a_branch_is_made_of_what_its_kind_says(branch: str, first: set[str], second: set[str]) -> None:
    pyramid = PyramidPooling(6, (1, 2), branch_channels=3, pool="avg", branch=branch).eval()  # type: ignore[arg-type]
    assert [set(module.state_dict()) for module in pyramid.branches] == [first, second]
    assert [tuple(maps.shape) for maps in pyramid(torch.randn(2, 6, 5, 7))] == [
        (2, 6, 5, 7),
        (2, 3, 1, 1),
        (2, 3, 2, 2),
    ]


def test_branches_end_in_a_relu_only_where_they_are_normalised_or_stand_in_for_it() -> None:
    negative = {}
    for branch in ("norm", "norm_but_one", "bias", "linear"):
        torch.manual_seed(0)
        pyramid = PyramidPooling(6, (1, 2), branch_channels=32, pool="avg", branch=branch).eval()
        negative[branch] = [bool((maps < 0).any()) for maps in pyramid(torch.randn(2, 6, 5, 7))[1:]]
    assert negative == {
        "norm": [False, False],
        "norm_but_one": [False, False],
        "bias": [True, True],
        "linear": [True, True],
    }
