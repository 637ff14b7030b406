"""A data set in one piece is parted by the names of its pictures alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sceneparse.data.sample import notes_of
from sceneparse.datasets.opening import open_dataset
from sceneparse.datasets.subsets import part, parted_note
from sceneparse.errors import UserError
from sceneparse.settings import DataSettings, SourceSettings
from tests.support.one_piece import coco, one_piece

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


def test_what_was_parted_by_the_same_rule_before_is_parted_all_the_same() -> None:
    train = NAMES
    for _ in range(3):  # each time without the val that was held out
        train = [name for name in train if name not in held(train)]
        assert len(held(train[:31])) >= 0.1 * 31
        assert 0.1 <= len(held(train)) / len(train) < 0.3
        assert held(list(reversed(train))) == held(train)
        # Further pictures that are held out by the first rule move none from one side of training to validation.
        assert not held(NAMES) & set(train)


def test_the_note_counts_what_is_held_out() -> None:
    train = [name for name in NAMES if name not in held(NAMES)][:31]
    assert f"is held out as val ({len(held(train))} of 31)" in parted_note("all", train)


def test_the_same_pictures_are_held_out_on_every_machine() -> None:
    assert held(list("abcdefgh")) == {"a", "c"}


@pytest.mark.parametrize("names", [["b", "d"], ["a", "c"], ["d", "e", "f"]])
def test_few_pictures_are_on_both_sides_all_the_same(names: list[str]) -> None:
    assert len(held(names)) == 1


def test_one_picture_cannot_be_parted() -> None:
    with pytest.raises(UserError, match="1 labelled picture, which cannot be parted"):
        part(["a"], True, Path("x"))


@pytest.mark.parametrize("write", [one_piece, coco])
def test_a_source_that_is_not_validated_on_is_trained_on_as_a_whole(
    write: Callable[[Path], DataSettings], tmp_path: Path
) -> None:
    own = write(tmp_path)
    source = SourceSettings(own.kind, own.root, val=None, test=None)
    alone = DataSettings("mixture", sources=(source,))
    whole = open_dataset(alone, "train")
    assert len(whole) == 12 and not any("held out" in note for note in notes_of(whole))
    parted = replace(alone, sources=(replace(source, val="val"),))
    sides = [open_dataset(parted, split) for split in ("train", "val")]
    assert sum(map(len, sides)) == 12 and min(map(len, sides)) > 0
    assert any("held out" in note for note in notes_of(sides[0]))
    with pytest.raises(UserError, match="no data set of the mixture has a split for val"):
        open_dataset(alone, "val")
    with pytest.raises(UserError, match=r"what data\.sources lists, and there is none"):
        open_dataset(DataSettings("mixture"), "val")
