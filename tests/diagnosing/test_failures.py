import numpy as np
import pytest
from numpy.typing import NDArray

from sceneparse.diagnosing.failures import EXAMPLES, SIZES, SMALL, FailureCounts, Failures
from sceneparse.diagnosing.relations import Relations, learn
from sceneparse.labels import IGNORE

SKY, ROAD, CAR, RIVER, BOAT, SIGN = range(6)
SIDE = 100


def scene(ground: int, thing: int) -> NDArray[np.int16]:
    labels = np.full((SIDE, SIDE), SKY, dtype=np.int16)
    labels[40:] = ground
    labels[60:80, 20:60] = thing
    return labels


@pytest.fixture(scope="module")
def relations() -> Relations:
    return learn([scene(ROAD, CAR) for _ in range(30)] + [scene(RIVER, BOAT) for _ in range(30)], 6)


def count(relations: Relations, *pictures: tuple[NDArray[np.int16], NDArray[np.int16]]) -> Failures:
    counts = FailureCounts(6, relations)
    for index, (truth, prediction) in enumerate(pictures):
        counts.add(index, truth, prediction)
    return counts.result()


def kinds(failures: Failures) -> list[int]:
    """Wrong pixels: mismatched, overlooked, other ones, near the boundary of their class."""
    return [
        int(failures.mismatched.sum()),
        int(failures.overlooked.sum()),
        int(failures.plain[0].sum()),
        int(failures.plain[1].sum()),
    ]


def test_a_car_on_a_river_is_a_mismatched_relationship(relations: Relations) -> None:
    truth, prediction = scene(RIVER, BOAT), scene(RIVER, CAR)
    failures = count(relations, (truth, prediction))
    assert kinds(failures) == [800, 0, 0, 0] and failures.mismatched[BOAT, CAR] == 800
    assert failures.mismatched_regions.tolist() == [0, 0, 1, 0, 0, 0]
    assert failures.against[CAR].argmax() == RIVER
    [example] = failures.examples["mismatched", CAR]
    assert (example.pixels, example.picture, example.box) == (800, 0, (60, 20, 80, 60))


def test_what_contradicts_the_scene_but_is_true_is_no_failure(relations: Relations) -> None:
    failures = count(relations, (scene(RIVER, CAR), scene(RIVER, CAR)))
    assert kinds(failures) == [0, 0, 0, 0] and failures.mismatched_regions.sum() == 0
    assert failures.contradicting[CAR] == failures.right_contradicting[CAR] == 1


def test_a_wrong_region_that_fits_the_scene_is_no_mismatch(relations: Relations) -> None:
    failures = count(relations, (scene(ROAD, BOAT), scene(ROAD, CAR)))
    assert kinds(failures) == [0, 0, 800, 0] and failures.swapped[BOAT, CAR] == 1


def test_half_a_region_under_another_name_is_split(relations: Relations) -> None:
    truth, prediction = scene(ROAD, CAR), scene(ROAD, CAR)
    prediction[60:80, 40:60] = SIGN  # never seen in training, so nothing speaks against it
    failures = count(relations, (truth, prediction))
    assert kinds(failures) == [0, 0, 400, 0]
    assert failures.split[CAR, SIGN] == 1 and failures.swapped.sum() == 0
    assert failures.examples["confusable", CAR, SIGN][0].box == (60, 20, 80, 60)


def test_a_small_thing_that_went_down_in_its_surroundings_is_overlooked(relations: Relations) -> None:
    truth = scene(ROAD, CAR)
    truth[85:95, 70:80] = SIGN  # 1% of the picture
    failures = count(relations, (truth, scene(ROAD, CAR)))
    assert kinds(failures) == [0, 100, 0, 0]
    assert failures.overlooked[:, :, SIGN, ROAD].sum(axis=1).tolist() == [0, 0, 100, 0]
    assert failures.missed[SIGN].tolist() == failures.overlooked_regions[SIGN].tolist() == [0, 0, 1, 0, 0, 0]
    assert failures.swapped_small[2, SIGN, ROAD] == 1 and failures.swapped.sum() == 0
    assert ("overlooked", SIGN, 2) in failures.examples


def test_a_small_thing_that_was_seen_under_another_name_is_not_overlooked(relations: Relations) -> None:
    truth, prediction = scene(ROAD, CAR), scene(ROAD, CAR)
    truth[85:95, 70:80], prediction[85:95, 70:80] = SIGN, CAR
    failures = count(relations, (truth, prediction))
    assert failures.missed[SIGN].sum() == 1 and failures.overlooked_regions.sum() == 0
    assert kinds(failures) == [0, 0, 100, 0] and failures.swapped[SIGN, CAR] == 1


def test_a_large_thing_is_never_inconspicuous(relations: Relations) -> None:
    failures = count(relations, (scene(ROAD, SIGN), np.where(scene(ROAD, SIGN) == SIGN, ROAD, scene(ROAD, SIGN))))
    assert failures.overlooked_regions[SIGN].tolist() == [0, 0, 0, 0, 1, 0]
    assert kinds(failures)[1] == 0 and failures.swapped[SIGN, ROAD] == 1


def test_a_boundary_in_another_place_is_only_that(relations: Relations) -> None:
    truth, prediction = scene(ROAD, CAR), scene(ROAD, CAR)
    prediction[40] = SKY
    failures = count(relations, (truth, prediction))
    assert kinds(failures) == [0, 0, 0, SIDE] and failures.split.sum() == 0
    assert failures.examples["boundary",][0].pixels == SIDE


def test_unknown_pixels_are_of_no_kind(relations: Relations) -> None:
    truth = scene(RIVER, BOAT)
    truth[55:85, 15:65] = IGNORE
    failures = count(relations, (truth, scene(RIVER, CAR)))
    assert kinds(failures) == [0, 0, 0, 0] and not failures.mismatched_regions.any()


def test_every_wrong_pixel_is_of_exactly_one_kind_with_its_two_classes(relations: Relations) -> None:
    generator = np.random.default_rng(0)
    expected = np.zeros((6, 6), dtype=np.int64)
    pictures = []
    for _ in range(20):
        truth, prediction = (
            np.repeat(np.repeat(generator.integers(low, 6, (9, 11)), 7, axis=0), 5, axis=1).astype(np.int16)
            for low in (IGNORE, 0)
        )
        prediction = np.where(generator.random(truth.shape) < 0.6, truth.clip(0), prediction).astype(np.int16)
        wrong = (truth != IGNORE) & (truth != prediction)
        np.add.at(expected, (truth[wrong], prediction[wrong]), 1)
        pictures.append((truth, prediction))
    failures = count(relations, *pictures)
    total = failures.mismatched + failures.overlooked.sum(axis=(0, 1)) + failures.plain.sum(axis=0)
    assert np.array_equal(total, expected)
    assert failures.overlooked.shape[0] == SMALL < len(SIZES)


def test_the_largest_examples_are_kept_one_a_picture(relations: Relations) -> None:
    pictures = []
    for width in (4, 30, 10, 20, 25, 15):
        truth = scene(RIVER, BOAT)
        truth[60:80, 20 + width :] = RIVER
        pictures.append((truth, np.where(truth == BOAT, CAR, truth)))
    kept = count(relations, *pictures).examples["mismatched", CAR]
    assert [one.pixels for one in kept] == [600, 500, 400, 300] and len(kept) == EXAMPLES
    assert [one.picture for one in kept] == [1, 4, 3, 5]
