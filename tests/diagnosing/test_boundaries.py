import math

import numpy as np
import pytest
from scipy import ndimage

from sceneparse.diagnosing.boundaries import BANDS, BoundaryCounts, add_counts
from sceneparse.labels import IGNORE


def boundary_of(mask: np.ndarray, radius: int) -> np.ndarray:
    """Cheng et al. 2021 as published: the mask less `radius` erosions by a 3x3 square, the outside being empty."""
    return mask & ~ndimage.binary_erosion(mask, np.ones((3, 3)), iterations=radius)


@pytest.mark.parametrize("seed", range(4))
def test_boundary_iou_is_the_published_one_class_by_class(seed: int) -> None:
    generator = np.random.default_rng(seed)
    counts, inside, union = BoundaryCounts(4), np.zeros(4), np.zeros(4)
    for _ in range(3):
        shape = tuple(generator.integers(40, 160, 2))
        coarse = generator.integers(0, 3, (6, 7))
        truth = ndimage.zoom(coarse, (shape[0] / 6, shape[1] / 7), order=0).astype(np.int16)
        prediction = np.roll(truth, int(generator.integers(1, 5)), axis=1)
        radius = max(1, round(0.02 * math.hypot(*truth.shape)))
        for name in range(4):
            ours, theirs = boundary_of(truth == name, radius), boundary_of(prediction == name, radius)
            inside[name] += (ours & theirs).sum()
            union[name] += (ours | theirs).sum()
        counts.add(truth, prediction)
    iou = counts.result().iou()
    assert iou[3] is None
    assert iou[:3] == pytest.approx(list(inside[:3] / union[:3]))
    assert counts.result().mean_iou == pytest.approx(np.mean(inside[:3] / union[:3]))
    # As the mean IoU beside it: a class that is nowhere counts as 0 in some protocols.
    assert counts.result("zero").mean_iou == pytest.approx(np.sum(inside[:3] / union[:3]) / 4)


def test_perfect_labels_have_a_boundary_iou_of_1_beside_unknown_pixels_too() -> None:
    truth = np.zeros((60, 80), dtype=np.int16)
    truth[20:50, 10:60] = 1
    truth[40:, 40:] = IGNORE
    counts = BoundaryCounts(2)
    counts.add(truth, np.where(truth == IGNORE, 1, truth))
    assert counts.result().iou() == [1.0, 1.0]


def test_a_boundary_moved_by_one_pixel_costs_only_the_nearest_band() -> None:
    truth = np.zeros((300, 400), dtype=np.int16)  # a diagonal of 500 pixels: bands of 1, 2, 5, 10 and 20 pixels
    truth[:, 200:] = 1
    prediction = np.roll(truth, 1, axis=1)
    prediction[:, 0] = 0
    counts = BoundaryCounts(2)
    counts.add(truth, prediction)
    bands = counts.result().bands
    wrong = bands.sum(axis=(1, 2)) - bands.trace(axis1=1, axis2=2)
    assert wrong.tolist() == [300, 0, 0, 0, 0, 0]
    assert bands.sum(axis=(1, 2)).tolist() == [300 * 2, 300 * 2, 300 * 6, 300 * 10, 300 * 20, 300 * 360]
    assert len(bands) == len(BANDS) + 1


def test_counts_are_the_same_in_tables_of_many_classes_and_of_few() -> None:
    keys = np.random.default_rng(0).integers(0, 12, 100)
    few, many = np.ones((3, 4), dtype=np.int64), np.zeros((40, 12), dtype=np.int64)
    add_counts(few, keys)
    add_counts(many, keys)
    assert (few.ravel() - 1 == np.bincount(keys, minlength=12)).all() and (many[0] == few.ravel() - 1).all()
    assert many[1:].sum() == 0
