"""Which class of a model each class of the data starts from."""

import pytest

from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.tasks import Task
from sceneparse.training.init.classes import match_spaces

ADE = ("wall", "building;edifice", "sidewalk;pavement", "car;auto;automobile", "bus;autobus", "screen;crt", "screen;tv")


def sources(names: tuple[str, ...], known: tuple[str, ...] = ADE, **given: str | None) -> list[str | None]:
    found = match_spaces({Task.OBJECT: LabelSpace(names)}, {Task.OBJECT: LabelSpace(known)}, given)
    return [match.source for match in found[Task.OBJECT]]


def test_equal_names_come_before_alternatives_and_case_and_dashes_do_not_count() -> None:
    assert sources(("Wall", "pavement", "auto", "edifice")) == ["wall", ADE[2], ADE[3], ADE[1]]
    assert sources(("traffic_light", "car"), ("Traffic-Light", "car", "cable car;car")) == ["Traffic-Light", "car"]
    assert sources(("car",), ("automobile;car", "car;vehicle")) == ["car;vehicle"]


def test_what_fits_several_is_new_and_says_so() -> None:
    found = match_spaces({Task.OBJECT: LabelSpace(("screen",))}, {Task.OBJECT: LabelSpace(ADE)}, {})
    assert found[Task.OBJECT][0].source is None and "say which with init.classes" in found[Task.OBJECT][0].how


def test_what_is_given_wins_over_names() -> None:
    assert sources(("wall", "lorry"), wall=None, lorry="bus;autobus") == [None, "bus;autobus"]
    with pytest.raises(UserError, match="the model has no such class"):
        sources(("wall",), wall="building")


def test_tasks_are_matched_apart() -> None:
    new = {Task.OBJECT: LabelSpace(("door",)), Task.MATERIAL: LabelSpace(("wood", "door"))}
    old = {Task.OBJECT: LabelSpace(("wood", "door")), Task.MATERIAL: LabelSpace(("glass", "wood"))}
    found = match_spaces(new, old, {})
    assert [one.source for one in found[Task.OBJECT]] == ["door"]
    assert [one.source for one in found[Task.MATERIAL]] == ["wood", None]
    with pytest.raises(UserError, match="'door' and 'glass' are classes of different tasks"):
        match_spaces({Task.OBJECT: LabelSpace(("door",))}, old, {"door": "glass"})
