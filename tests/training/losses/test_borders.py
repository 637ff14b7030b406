"""Distances to the next pixel of another class are exact, and pixels without a label make no border."""

import math

import pytest
import torch

from sceneparse.labels import IGNORE
from sceneparse.training.losses.borders import squared_distance_to_another_class
from sceneparse.training.losses.boundary import BoundaryCrossEntropy
from tests.support.slow_losses import squared_distances


@pytest.mark.parametrize("ignored", [0.0, 0.3, 0.97])
@pytest.mark.parametrize("cell", [1, 7])
@pytest.mark.parametrize("limit", [1, 4, 200])
def test_distances_are_those_of_a_search_over_all_pixels(limit: int, cell: int, ignored: float) -> None:
    generator = torch.Generator().manual_seed(limit + cell)
    for size in [(1, 1), (1, 40), (37, 1), (29, 31)]:
        cells = torch.randint(0, 3, (2, -(-size[0] // cell), -(-size[1] // cell)), generator=generator)
        target = cells.repeat_interleave(cell, 1).repeat_interleave(cell, 2)[:, : size[0], : size[1]].to(torch.int16)
        target = target.contiguous()
        target[torch.rand(target.shape, generator=generator) < ignored] = IGNORE
        got, expected = squared_distance_to_another_class(target, limit).double(), squared_distances(target)
        wanted = (target != IGNORE) & (expected <= limit**2)
        assert torch.equal(got[wanted], expected[wanted])
        assert (got[(target != IGNORE) & ~wanted] > limit**2).all() and not got[target == IGNORE].any()


def test_a_strip_without_labels_between_two_classes_leaves_each_at_its_distance_from_the_other() -> None:
    target = torch.tensor([[[0, 0, 0, IGNORE, IGNORE, 1, IGNORE]]], dtype=torch.int16)
    assert squared_distance_to_another_class(target, 9).tolist() == [[[25, 16, 9, 0, 0, 9, 0]]]


def test_the_weights_are_highest_on_a_border_and_one_where_there_is_none() -> None:
    target = torch.zeros(2, 4, 50, dtype=torch.int16)
    target[0, :, 25:] = 1
    found = BoundaryCrossEntropy(weight=3.0, distance=2.0).map(target, torch.float64)
    assert (found[1] == 1).all()
    row = found[0, 0]
    assert torch.equal(row, row.flip(0))
    expected = [1 + 3 * math.exp(-(d**2) / 8) for d in range(1, 8)]
    assert row[25:32].tolist() == pytest.approx(expected, rel=1e-12)
    assert row[0] == pytest.approx(1, abs=1e-15)
