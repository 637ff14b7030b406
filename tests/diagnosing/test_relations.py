import math

import numpy as np
import pytest

from sceneparse.diagnosing.regions import ABOVE, BELOW
from sceneparse.diagnosing.relations import WEAKEST, learn, present_in
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE

SKY, ROAD, CAR, RIVER, BOAT, NEVER = range(6)


def scene(ground: int, thing: int) -> np.ndarray:
    labels = np.full((20, 20), SKY, dtype=np.int16)
    labels[8:] = ground
    labels[12:16, 5:12] = thing
    return labels


TRUTHS = [scene(ROAD, CAR) for _ in range(30)] + [scene(RIVER, BOAT) for _ in range(20)]


def test_the_tables_count_pictures_and_regions() -> None:
    relations = learn(TRUTHS, 6)
    assert relations.pictures == 50 and relations.present.tolist() == [50, 30, 30, 20, 20, 0]
    assert relations.together[CAR, ROAD] == 30 and relations.together[CAR, RIVER] == 0
    assert relations.contacts[SKY, BELOW, ROAD] == pytest.approx(30)
    assert relations.contacts[SKY, ABOVE].sum() == 0
    assert relations.contacts[CAR].sum() == pytest.approx(30)


def test_a_class_is_shown_from_one_pixel_on_and_present_from_a_share_on() -> None:
    truth = np.full((40, 40), SKY, dtype=np.int16)
    truth[0, 0] = CAR
    relations = learn([truth, truth], 6)
    assert relations.shown[CAR] == 2 and relations.present[CAR] == 0 and relations.shown[BOAT] == 0


def test_evidence_is_the_smoothed_log_ratio_to_chance() -> None:
    relations = learn(TRUTHS, 6)
    assert relations.scene[CAR, ROAD] == pytest.approx(math.log(31 / (30 * 30 / 50 + 1)))
    assert relations.scene[CAR, RIVER] == pytest.approx(math.log(1 / (30 * 20 / 50 + 1)))
    assert relations.scene[CAR, SKY] == pytest.approx(0)
    assert relations.neighbours[SKY, ABOVE, ROAD] < 0 < relations.neighbours[SKY, BELOW, ROAD]


def test_a_class_that_was_never_seen_is_spoken_neither_for_nor_against() -> None:
    relations = learn(TRUTHS, 6)
    assert not relations.scene[NEVER].any() and not relations.neighbours[NEVER].any()


def test_what_is_true_contradicts_nothing_and_a_car_on_a_river_does() -> None:
    relations = learn(TRUTHS, 6)
    assert relations.scene_limit == relations.contact_limit == WEAKEST
    assert relations.scene[CAR, [SKY, RIVER]].sum() < relations.scene_limit
    assert relations.scene[CAR, [SKY, ROAD]].sum() > relations.scene_limit


def test_odd_scenes_in_the_truth_lower_the_limit() -> None:
    """Each is judged by the others, so a scene that stands alone does not vouch for itself."""
    odd = [scene(RIVER, CAR), scene(ROAD, BOAT)]
    limit = learn([*TRUTHS, *odd], 6).scene_limit
    assert limit < WEAKEST
    slow = []
    for index, truth in enumerate([*TRUTHS, *odd]):
        others = learn([one for number, one in enumerate([*TRUTHS, *odd]) if number != index], 6)
        here = present_in(truth, 6)
        slow += [others.scene[name, here].sum() for name in np.flatnonzero(here)]
    assert limit == pytest.approx(np.quantile(slow, 0.01))


def test_unknown_pixels_are_no_class() -> None:
    labels = np.full((10, 10), IGNORE, dtype=np.int16)
    labels[0] = 2
    assert present_in(labels, 4).tolist() == [False, False, True, False]
    assert learn([labels], 4).contacts.sum() == 0


def test_nothing_can_be_learnt_from_nothing() -> None:
    with pytest.raises(UserError, match="no training truth"):
        learn([], 3)
