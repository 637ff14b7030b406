"""What is rare is counted once: pixels, pictures, repeat factors, and classes drawn by rarity."""

import json
import math
from collections import Counter

import numpy as np
import pytest
import torch

from sceneparse.data.class_counts import ClassCounts, count_classes
from sceneparse.data.sample import Sample
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE, LabelSpace, TaskLabels

NAMES = ("road", "car", "pole", "ghost")
MAPS: list[list[int] | None] = [
    [0, 0, 0, 0, 0, 0, 0, 1],
    [0, 0, 0, 0, 0, 0, IGNORE, IGNORE],
    None,
    [0, 0, 0, 0, 0, 1, 1, 2],
    [IGNORE] * 8,
]


class Maps:
    """A data set of label maps."""

    labels = LabelSpace(NAMES)
    tasks = TaskLabels(labels)

    def __init__(self, maps: list[list[int] | None], broken: int | None = None) -> None:
        self.maps, self.broken = maps, broken

    def __len__(self) -> int:
        return len(self.maps)

    def __getitem__(self, index: int) -> Sample:
        if index == self.broken:
            raise UserError(f"masks/{index}.png: broken")
        own = self.maps[index]
        objects = None if own is None else torch.tensor(own, dtype=torch.int16).reshape(2, 4)
        return Sample(torch.zeros(3, 2, 4, dtype=torch.uint8), objects, name=self.name(index))

    def name(self, index: int) -> str:
        return str(index)


@pytest.fixture(scope="module")
def counts() -> ClassCounts:
    return count_classes(Maps(MAPS), split="train")


def test_pixels_and_pictures_are_counted_without_ignored_ones(counts: ClassCounts) -> None:
    assert counts.totals.tolist() == [18, 3, 1, 0] and counts.pictures.tolist() == [3, 2, 1, 0]
    assert counts.shares.tolist() == [18 / 22, 3 / 22, 1 / 22, 0]
    assert [counts.present(index).tolist() for index in range(5)] == [[0, 1], [0], [], [0, 1, 2], []]
    assert [counts.holding(name).tolist() for name in range(4)] == [[0, 1, 3], [0, 3], [3], []]
    assert counts.labelled.tolist() == [True, True, False, True, True]
    # Of three classes that occur, an even share is a third.
    assert counts.rare.tolist() == [1, 2]


def test_workers_count_alike_and_json_keeps_all(counts: ClassCounts) -> None:
    written = counts.to_json()
    assert written["classes"]["car"] == {"pixels": 3, "pictures": 2}
    assert written["samples"] == [[0, 7, 1, 1], [0, 6], None, [0, 5, 1, 2, 2, 1], []]
    assert count_classes(Maps(MAPS), split="train", workers=2).to_json() == written
    again = ClassCounts.from_json(json.loads(json.dumps(written)))
    assert again.to_json() == written and again.names == NAMES and len(again) == 5


def test_repeat_factors_are_those_of_lvis(counts: ClassCounts) -> None:
    threshold = 0.8
    factors = []
    for index in range(5):
        # f(c) over the four pictures with object labels; r(i) the largest of r(c) = max(1, sqrt(t / f(c))).
        own = [max(1.0, math.sqrt(threshold / (counts.pictures[name] / 4))) for name in counts.present(index)]
        factors.append(max(own, default=1.0))
    assert counts.repeat_factors(threshold).tolist() == pytest.approx(factors)
    assert factors[3] == pytest.approx(math.sqrt(3.2)) and factors[2] == 1
    assert counts.repeat_factors(0.1).tolist() == [1] * 5


def test_classes_are_drawn_as_daformer_draws_them(counts: ClassCounts) -> None:
    among = np.array([0, 1, 2])
    generator = np.random.default_rng(0)
    for temperature in (0.1, 1.0):
        found = Counter(counts.drawn(among, temperature, number) for number in generator.random(4000).tolist())
        chances = np.exp((1 - counts.shares[among]) / temperature)
        chances /= chances.sum()
        assert np.abs(np.array([found[name] for name in range(3)]) / 4000 - chances).max() < 0.03
    # No overflow, and the rarest alone.
    assert {counts.drawn(among, 1e-6, number) for number in (0.0, 0.5, 1 - 1e-16)} == {2}
    assert counts.drawn(np.array([0]), 0.01, 0.3) == 0


@pytest.mark.parametrize("workers", [0, 1])
def test_what_cannot_be_read_or_has_no_labels_is_one_line(workers: int) -> None:
    with pytest.raises(UserError, match=r"^masks/3\.png: broken$"):
        count_classes(Maps(MAPS, broken=3), split="train", workers=workers)
    with pytest.raises(UserError, match="split 'train' has no pixel with an object label"):
        count_classes(Maps([None, [IGNORE] * 8]), split="train", workers=workers)
