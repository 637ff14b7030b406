"""Draws of samples that come several times an epoch: a function of the seed and the iteration's number."""

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from sceneparse.data.sampling import Batches, Draw, Repeats, Share, draws, mixed_draws

FACTORS = np.array([1.0, 1.0, 2.3, 1.0, 4.75, 1.5, 1.0, 1.0, 3.0, 1.1])


def row(repeats: Repeats, start: int, stop: int, seed: int = 3) -> list[Draw]:
    return [
        draw for iteration in range(start, stop) for draw in draws(len(FACTORS), 4, seed, iteration, repeats=repeats)
    ]


def test_every_epoch_is_as_long_and_shows_each_sample_as_often_as_its_factor_rounded_down_or_up() -> None:
    repeats = Repeats(FACTORS)
    assert repeats.length == 18 and repeats.most == 5
    scaled = FACTORS * 18 / FACTORS.sum()
    counts = np.stack([repeats.counts(3, epoch) for epoch in range(3000)])
    assert (counts.sum(axis=1) == 18).all()
    assert (counts >= np.floor(scaled)).all() and (counts <= np.ceil(scaled)).all()
    assert np.abs(counts.mean(axis=0) - scaled).max() < 0.03
    assert not (counts[0] == counts[1:10]).all()
    drawn = [index for _, index in row(repeats, 0, 9)]
    assert [Counter(drawn[:18])[index] for index in range(10)] == counts[0].tolist()
    assert [Counter(drawn[18:])[index] for index in range(10)] == counts[1].tolist()


def test_no_draw_comes_twice_so_that_each_is_augmented_otherwise() -> None:
    drawn = row(Repeats(FACTORS), 0, 200)
    assert len(set(drawn)) == len(drawn) == 800


def test_factors_of_one_show_each_sample_once_an_epoch() -> None:
    for count in (1, 2, 7, 1000):
        repeats = Repeats(np.ones(count))
        assert repeats.length == count and repeats.most == 1
        assert all((repeats.counts(0, epoch) == 1).all() for epoch in range(20))


def test_a_late_start_and_shares_of_a_batch_give_the_same_draws() -> None:
    repeats = Repeats(FACTORS)
    assert row(repeats, 0, 20)[12 * 4 :] == row(Repeats(FACTORS), 12, 20)
    assert row(repeats, 0, 20) != row(repeats, 0, 20, seed=4)
    halves = [draws(len(FACTORS), 4, 3, 7, Share(rank, 2), repeats) for rank in (0, 1)]
    assert halves[0] + halves[1] == draws(len(FACTORS), 4, 3, 7, repeats=repeats)


@pytest.mark.parametrize("batches", ["pure", "mixed"])
def test_sources_keep_their_weights_and_each_repeats_within_its_own_epochs(batches: Batches) -> None:
    def rows(start: int, stop: int) -> list[list[Draw]]:
        repeats = [Repeats(own) for own in np.split(FACTORS, [6])]
        return list(mixed_draws((6, 4), (3.0, 1.0), batches, 4, 1, start, stop, repeats))

    drawn = rows(0, 2000)
    assert drawn[1500:] == rows(1500, 2000)
    met = [draw for whole in drawn for draw in whole]
    assert len(set(met)) == len(met)
    assert abs(sum(index < 6 for _, index in met) / len(met) - 0.75) < 0.04
    often = Counter(index for _, index in met)
    for chosen in (range(6), range(6, 10)):
        own: NDArray[np.float64] = FACTORS[chosen] / FACTORS[chosen].sum()
        found = np.array([often[index] for index in chosen]) / sum(often[index] for index in chosen)
        assert np.abs(found - own).max() < 0.01
