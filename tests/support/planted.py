"""A stand-in for a model: the toy world's truth with mild noise along boundaries, and failures planted in it."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from sceneparse.diagnosing import Case
from sceneparse.labels.regions import find_regions
from sceneparse.toyworld import OBJECTS, ToyWorld

Labels = NDArray[np.int16]
Failure = Callable[[int, Labels, Labels], None]
"""Changes the prediction in place, given the picture's index, its truth and the prediction."""


def index_of(name: str) -> int:
    return OBJECTS.names.index(name)


def noisy(truth: Labels, seed: int) -> Labels:
    """The truth with every boundary pixel taking a neighbour's label by a coin's toss."""
    generator = np.random.default_rng(seed)
    prediction = truth.copy()
    for axis, step in ((0, 1), (1, 1), (0, -1), (1, -1)):
        taken = generator.random(truth.shape) < 0.02
        prediction = np.where(taken, np.roll(truth, step, axis), prediction)
    prediction[[0, -1]], prediction[:, [0, -1]] = truth[[0, -1]], truth[:, [0, -1]]
    return prediction


def cases(world: ToyWorld, *failures: Failure) -> Iterator[Case]:
    """Each scene with its noisy truth as labels, in which the failures are planted."""
    for index in range(len(world)):
        sample = world[index]
        assert sample.objects is not None
        truth = sample.objects.numpy()
        prediction = noisy(truth, index)
        for failure in failures:
            failure(index, truth, prediction)
        sure = np.where(prediction == truth, 0.95, 0.6).astype(np.float32)
        yield Case(index, sample, torch.from_numpy(prediction), torch.from_numpy(sure))


def mixed_up(one: str, other: str) -> Failure:
    """The right half of every large region of one class carries the other's label."""

    def plant(_: int, truth: Labels, prediction: Labels) -> None:
        regions = find_regions(truth)
        for region in np.flatnonzero((regions.classes == index_of(one)) & (regions.areas >= 0.01 * truth.size)):
            _, left, _, right = regions.box(int(region))
            half = regions.ids == region
            half[:, : (left + right) // 2] = False
            prediction[half] = index_of(other)

    return plant


def overlooked(name: str, below: float) -> Failure:
    """Regions of a class under a share of the picture take the label that surrounds them most."""

    def plant(_: int, truth: Labels, prediction: Labels) -> None:
        regions = find_regions(truth)
        small = (regions.classes == index_of(name)) & (regions.areas < below * truth.size)
        for region in np.flatnonzero(small):
            here = regions.ids == region
            top, left, bottom, right = regions.box(int(region))
            around = truth[max(top - 2, 0) : bottom + 2, max(left - 2, 0) : right + 2]
            others = around[around != index_of(name)]
            prediction[here] = np.bincount(others).argmax()

    return plant


def out_of_place(name: str, scene_with: str, share: float) -> Failure:
    """A square of a class in the middle of every picture that shows another one."""

    def plant(_: int, truth: Labels, prediction: Labels) -> None:
        if (truth == index_of(scene_with)).mean() < 0.01:
            return
        side = round(share**0.5 * len(truth))
        first = (len(truth) - side) // 2
        prediction[first : first + side, first : first + side] = index_of(name)

    return plant
