"""A data set in one piece is parted by the names of its pictures alone."""

from pathlib import Path

import pytest

from sceneparse.datasets.subsets import part
from sceneparse.errors import UserError

NAMES = [f"2026-11-{number:03}" for number in range(400)]


def held(names: list[str]) -> set[str]:
    kept, others = ([names[position] for position in part(names, side, Path("x"))] for side in (True, False))
    assert sorted([*kept, *others]) == sorted(names) and kept and others
    return set(kept)


def test_about_a_fifth_is_held_out_and_added_or_removed_pictures_move_no_other_one() -> None:
    before = held(NAMES)
    assert 0.14 < len(before) / len(NAMES) < 0.28
    more = [*(f"2025-{number}" for number in range(50)), *NAMES]
    assert held(more) & set(NAMES) == before
    fewer = NAMES[7::2]
    assert held(fewer) == before & set(fewer)
    assert held(list(reversed(NAMES))) == before


def test_the_same_pictures_are_held_out_on_every_machine() -> None:
    assert held(list("abcdefgh")) == {"a", "c"}


@pytest.mark.parametrize("names", [["b", "d"], ["a", "c"], ["d", "e", "f"]])
def test_few_pictures_are_on_both_sides_all_the_same(names: list[str]) -> None:
    assert len(held(names)) == 1


def test_one_picture_cannot_be_parted() -> None:
    with pytest.raises(UserError, match="1 labelled picture, which cannot be parted"):
        part(["a"], True, Path("x"))
