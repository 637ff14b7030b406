"""Outlines along the edges of pixels: filled, they give the label map back; holes, corners and rims included."""

import numpy as np
import pytest
from numpy.typing import NDArray

from sceneparse.pictures.outlines import Ring, ring_area, trace
from tests.support.outlines import filled


def maps() -> dict[str, NDArray[np.int16]]:
    """Label maps that are hard to outline."""
    generator = np.random.default_rng(0)
    nested = np.zeros((21, 21), np.int16)
    for depth in range(10):
        nested[depth : 21 - depth, depth : 21 - depth] = depth % 2
    return {
        "nothing": np.full((4, 5), -1, np.int16),
        "one pixel": np.array([[3]], np.int16),
        "all of one class": np.zeros((4, 7), np.int16),
        "a row": np.array([[0, 0, 1, -1, 1, 0]], np.int16),
        "a column": np.array([[0, 0, 1, -1, 1, 0]], np.int16).T,
        "corners that touch": np.indices((6, 7)).sum(axis=0).astype(np.int16) % 2,
        "holes in holes": nested,
        "holes that touch at corners": np.array(
            [[0, 0, 0, 0, 0], [0, 1, 0, 1, 0], [0, 0, 1, 0, 0], [0, 1, 0, 1, 0], [0, 0, 0, 0, 0]], np.int16
        ),
        **{f"noise of {count}": generator.integers(-1, count, (31, 43)).astype(np.int16) for count in (1, 2, 3, 7)},
        "a frame": np.pad(np.full((5, 6), -1, np.int16), 1, constant_values=2),
    }


@pytest.mark.parametrize("labels", maps().values(), ids=maps().keys())
def test_filled_outlines_are_the_label_map_with_holes_and_with_keyholes(labels: NDArray[np.int16]) -> None:
    rings, paths = np.full(labels.shape, -1), np.full(labels.shape, -1)
    times = np.zeros(labels.shape, int)
    for region in trace(labels):
        mask = np.zeros(labels.shape, bool)
        for ring in region.rings:
            mask ^= filled(ring, labels.shape)
        assert region.pixels == mask.sum()
        rings[mask], times = region.index, times + mask
        paths[filled(region.keyhole(), labels.shape)] = region.index
    np.testing.assert_array_equal(rings, labels)
    np.testing.assert_array_equal(paths, labels)
    np.testing.assert_array_equal(times, labels >= 0)


def straight(ring: Ring) -> bool:
    """Whether all sides run along rows or columns, and turn at each corner."""
    steps = np.roll(ring, -1, axis=0) - ring
    along_rows = steps[:, 1] == 0
    return bool(((steps != 0).sum(axis=1) == 1).all() and (along_rows != np.roll(along_rows, 1)).all())


@pytest.mark.parametrize("labels", maps().values(), ids=maps().keys())
def test_exteriors_are_positive_holes_negative_and_corners_are_none_too_many(labels: NDArray[np.int16]) -> None:
    for region in trace(labels):
        assert ring_area(region.exterior) > 0
        assert all(ring_area(hole) < 0 for hole in region.holes)
        assert all(straight(ring) for ring in region.rings)


def test_a_pixel_is_the_square_right_and_down_of_its_column_and_row() -> None:
    labels = np.full((4, 5), -1, np.int16)
    labels[2, 3] = 6
    (region,) = trace(labels)
    assert region.index == 6 and region.exterior.tolist() == [[3, 2], [4, 2], [4, 3], [3, 3]]


def test_pixels_that_touch_at_a_corner_are_two_regions_and_a_surrounded_pair_is_one_hole() -> None:
    labels = np.zeros((4, 4), np.int16)
    labels[1, 1] = labels[2, 2] = 1
    around, *others = trace(labels)
    assert [region.index for region in others] == [1, 1]
    assert len(around.holes) == 1 and around.pixels == 14


def test_regions_come_in_the_order_of_their_first_pixel() -> None:
    labels = np.random.default_rng(1).integers(0, 3, (20, 30)).astype(np.int16)
    firsts = [tuple(region.exterior[0][::-1]) for region in trace(labels)]
    assert firsts == sorted(firsts)
