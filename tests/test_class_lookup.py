"""A class is found by what a person calls it."""

import numpy as np
import pytest

from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace, class_index

SPACE = LabelSpace(("road", "Car", "traffic light", "traffic sign", "CAR PARK", "Straße", "US", "us"))


@pytest.mark.parametrize(
    ("wanted", "index"),
    [("road", 0), ("car", 1), (" CAR ", 1), ("Traffic Light", 2), ("STRASSE", 5), ("us", 7), ("US", 6)],
)
def test_case_counts_only_where_names_differ_in_nothing_else(wanted: str, index: int) -> None:
    assert class_index(SPACE, wanted) == index


def test_an_index_is_itself() -> None:
    assert class_index(SPACE, 3) == 3 and class_index(SPACE, np.int16(3)) == 3


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("Us", "^class 'Us' could be 'US' or 'us': give one of them$"),
        ("raod", "^no class 'raod'; did you mean 'road'"),
        ("traffic", "^no class 'traffic'; did you mean 'traffic sign' or 'traffic light'"),
        ("zebra", "^no class 'zebra'; the classes are road, Car, traffic light, .*us$"),
        ("", "^no class ''; the classes are road"),
        (8, "^class 8 is not there: 8 classes, counted from 0$"),
        (-1, "^class -1 is not there"),
        (1.0, "^a class is a name or an index, not a float$"),
        (None, "^a class is a name or an index, not a NoneType$"),
    ],
)
def test_what_is_no_class_is_refused_with_the_nearest_ones(wanted: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        class_index(SPACE, wanted)
