import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from sceneparse.diagnosing.regions import ABOVE, BELOW, BESIDE, near, outlines, uniform_within
from sceneparse.labels import IGNORE
from sceneparse.labels.regions import find_regions


def random_labels(seed: int, classes: int = 3) -> NDArray[np.int16]:
    generator = np.random.default_rng(seed)
    height, width = generator.integers(1, 40, 2)
    return generator.integers(IGNORE, classes, (height, width)).astype(np.int16)


@pytest.mark.parametrize("seed", range(12))
def test_regions_are_those_of_scipy_class_by_class(seed: int) -> None:
    labels = random_labels(seed, 1 + seed % 4)
    found = find_regions(labels)
    assert np.array_equal(found.classes[found.ids], labels)
    total = 0
    for name in np.unique(labels):
        ids, count = ndimage.label(labels == name, structure=np.ones((3, 3)))
        total += count
        for region, box in enumerate(ndimage.find_objects(ids), 1):
            [ours] = np.unique(found.ids[ids == region])
            assert found.areas[ours] == (ids == region).sum()
            assert found.box(int(ours)) == (box[0].start, box[1].start, box[0].stop, box[1].stop)
    assert total == len(found)


def test_a_spiral_is_one_region() -> None:
    """Its runs meet only at its end, so sets are joined again and again."""
    labels = np.ones((41, 41), dtype=np.int16)
    for ring in range(0, 20, 2):
        labels[ring + 1, ring : -1 - ring] = 0
        labels[ring + 1 : 40 - ring, 39 - ring] = 0
        labels[39 - ring, ring + 1 : 40 - ring] = 0
        labels[ring + 3 : 40 - ring, ring + 1] = 0
    expected = sum(ndimage.label(labels == name, structure=np.ones((3, 3)))[1] for name in (0, 1))
    assert len(find_regions(labels)) == expected


def test_an_outline_says_what_stands_on_which_side() -> None:
    labels = np.array([[0, 0, 0, 0], [1, 2, 2, 0], [1, 1, 1, IGNORE]], dtype=np.int16)
    regions = find_regions(labels)
    [two] = np.flatnonzero(regions.classes == 2)
    [outline] = outlines(regions, labels, np.array([two]), 3)
    expected = np.zeros((3, 3))
    expected[ABOVE, 0], expected[BELOW, 1] = 2, 2
    expected[BESIDE, 0], expected[BESIDE, 1] = 1, 1
    np.testing.assert_allclose(outline, expected / 6)


def test_a_region_that_touches_nothing_known_has_no_outline() -> None:
    labels = np.array([[0, IGNORE], [IGNORE, IGNORE]], dtype=np.int16)
    regions = find_regions(labels)
    assert not outlines(regions, labels, np.array([0]), 1).any()


@pytest.mark.parametrize("radius", [1, 2, 3, 6])
@pytest.mark.parametrize("border", [False, True])
def test_windows_of_one_label_are_those_looked_at_pixel_by_pixel(radius: int, border: bool) -> None:
    labels = np.repeat(np.repeat(random_labels(3), 5, axis=0), 5, axis=1)
    height, width = labels.shape
    expected = np.zeros(labels.shape, dtype=bool)
    for y in range(height):
        for x in range(width):
            window = labels[max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1]
            inside = radius <= y < height - radius and radius <= x < width - radius
            expected[y, x] = len(np.unique(window)) == 1 and (inside or not border)
    assert np.array_equal(uniform_within(labels, radius, border=border), expected)


@pytest.mark.parametrize("radius", [1, 2, 5])
def test_near_is_a_dilation_by_a_square(radius: int) -> None:
    mask = np.random.default_rng(radius).random((30, 41)) < 0.02
    side = 2 * radius + 1
    assert np.array_equal(near(mask, radius), ndimage.binary_dilation(mask, np.ones((side, side))))
