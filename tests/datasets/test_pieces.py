"""Pieces of a split, by position and by name: a pattern and its opposite are the whole; what is taken twice is told."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from sceneparse.datasets.opening import open_dataset
from sceneparse.datasets.pieces import piece_of, share_samples
from sceneparse.doctor import Diagnosis, check
from sceneparse.errors import UserError
from sceneparse.settings import DataSettings, ToyWorldSettings
from tests.support.small import write_data_set

NAMES = ["day/001", "day/002", "night/001", "night+rain/1", "dusk"]

CHOSEN = {
    "train": [0, 1, 2, 3, 4],
    "train[1:]": [1, 2, 3, 4],
    "train[::2]": [0, 2, 4],
    "train[day/*]": [0, 1],
    "train[!day/*]": [2, 3, 4],
    "train[day/*,dusk]": [0, 1, 4],
    "train[day/*, dusk]": [0, 1, 4],
    "train[!day/*,dusk]": [2, 3],
    "train[*/00?]": [0, 1, 2],
    "train[du*]": [4],
}


@pytest.mark.parametrize("name", CHOSEN)
def test_a_piece_is_what_its_positions_or_its_names_say(name: str) -> None:
    piece = piece_of(name)
    assert list(piece.of(len(NAMES), NAMES.__getitem__)) == CHOSEN[name]
    assert piece.split == "train" and piece_of(str(piece)) == piece
    assert piece.whole == (name == "train")


SHARED = [
    ("train", "train", True),
    ("train+val", "val", True),
    ("train", "val", False),
    ("train", "training", True),
    ("valid", "val", True),
    ("val_1", "val_2", False),
    ("train[80:]", "train[:80]", False),
    ("train[80:]", "train[:81]", True),
    ("train[::2]", "train[1::2]", False),
    ("train[::2]", "train[1::3]", True),
    ("train[80:]", "train", True),
    ("train[day/*]", "train[!day/*]", False),
    ("train[day/*]", "train[dusk]", False),
    ("train[day/*,dusk]", "train[dusk]", True),
    ("train", "all", True),
]


@pytest.mark.parametrize(("one", "other", "shared"), SHARED)
def test_whether_settings_of_splits_share_samples_shows_without_listing_them(
    one: str, other: str, shared: bool
) -> None:
    assert share_samples(one, other) is share_samples(other, one) is shared


WRONG = ["train[1]", "train[::0]", "train[]", "train[", "[a*]", "train[a*,]", "train[!]", "train[!1:]", "train[[a]*]"]


@pytest.mark.parametrize("name", WRONG)
def test_other_brackets_are_refused_with_what_can_stand_in_them(name: str) -> None:
    with pytest.raises(UserError, match=r"as in 'train\[:300\]'.*'train\[street1_\*\]'.*'train\[!street1_\*\]'"):
        piece_of(name)


def test_an_empty_piece_is_refused_with_a_name_that_there_is(tmp_path: Path) -> None:
    settings = DataSettings(root=str(write_data_set(tmp_path)))
    first = open_dataset(settings, "train").name(0)
    with pytest.raises(UserError, match=f"samples of 'train', such as '{first}', none is named like 'a:b'"):
        open_dataset(settings, "train[a:b]")
    with pytest.raises(UserError, match=r"none is not named like '\*'"):
        open_dataset(settings, "train[!*]")
    with pytest.raises(UserError, match=r"'train\[900:\]' is empty: 'train' has"):
        open_dataset(settings, "train[900:]")


def sequences(root: Path) -> DataSettings:
    """A data set whose pictures are of two sequences, each on both sides."""
    write_data_set(root)
    for split in ("train", "val"):
        for path in sorted((root / split).rglob("*.png")):
            for sequence in ("one", "two"):
                shutil.copy(path, path.with_name(f"{sequence}_{path.name}"))
            path.unlink()
    return DataSettings(root=str(root), test="val")


def test_sequences_are_parted_by_name_across_splits(tmp_path: Path) -> None:
    settings = sequences(tmp_path)
    train = open_dataset(settings, "train[one_*]+val[one_*]")
    names = [train.name(index) for index in range(len(train))]
    assert all("/one_" in name for name in names) and {name.split("/")[0] for name in names} == {
        "train[one_*]",
        "val[one_*]",
    }
    whole = len(open_dataset(settings, "train+val"))
    assert len(train) + len(open_dataset(settings, "train[!one_*]+val[!one_*]")) == whole
    with pytest.raises(UserError, match="none is named like 'three_\\*'"):
        open_dataset(settings, "train[three_*]")


def diagnosed(settings: DataSettings) -> Diagnosis:
    return check(settings, progress=False, workers=1)


def overlaps(settings: DataSettings) -> list[tuple[str, str]]:
    """The severity and the words of what the doctor says of pictures that are taken twice."""
    return [(one.severity, one.message) for one in diagnosed(settings).findings if one.code == "overlap"]


def test_the_doctor_shows_pieces_and_what_is_taken_twice(tmp_path: Path) -> None:
    settings = replace(sequences(tmp_path), train="train[one_*]", val="train[!one_*]")
    counts = {split.name: split.pictures for split in diagnosed(settings).splits}
    assert counts == {"train[one_*]": 4, "train[!one_*]": 4, "val": 4, "test": 2}
    assert not overlaps(settings)
    both = replace(settings, train="train", val="train[:1]+val")
    assert overlaps(both) == [
        (
            "warning",
            "1 picture in data.train 'train' and data.val 'train[:1]+val' at once: the checkpoint is chosen by "
            "pictures that were trained on, and figures on them say little",
        ),
        (
            "warning",
            "4 pictures in data.val 'train[:1]+val' and data.test 'val' at once: the checkpoint is chosen by pictures "
            "that it is tested on",
        ),
    ]
    ((severity, message),) = overlaps(replace(settings, train="train", val="val", test="train[two_*]"))
    assert severity == "error" and "4 pictures" in message and "trained on say nothing" in message


def test_scenes_that_are_drawn_are_parted_likewise() -> None:
    world = ToyWorldSettings(size=32, train_count=4, eval_count=1)
    settings = DataSettings("toyworld", val="train[:2]", toyworld=world)
    ((severity, message),) = overlaps(settings)
    assert severity == "warning" and "2 pictures in data.train 'train' and data.val 'train[:2]' at once" in message
    assert not overlaps(replace(settings, train="train[!*/00000,*/00001]"))
