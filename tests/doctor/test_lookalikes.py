"""Pictures to measure on that look like ones to learn from: frames of one video are found, new scenes are not."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sceneparse.doctor import Finding, check
from sceneparse.doctor import lookalikes as rule
from sceneparse.settings import DataSettings

SIZE = (60, 80)


def scene(number: int) -> NDArray[np.float64]:
    """A picture of large soft shapes, wider than what a frame shows."""
    coarse = np.random.default_rng(number).integers(0, 256, (6, 12), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((160, SIZE[0]), Image.Resampling.BICUBIC), dtype=np.float64)


def frame(number: int, time: int) -> Image.Image:
    """What a camera that moves slowly sees of a scene, with its noise."""
    noise = np.random.default_rng((number, time)).normal(0, 6, SIZE)
    greys = scene(number)[:, time : time + SIZE[1]] + noise
    return Image.fromarray(np.repeat(greys.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2))


def write(root: Path, split: str, pictures: Sequence[tuple[str, int, int]], suffix: str = ".png") -> DataSettings:
    """Add pictures to a split: their names, scenes and times."""
    mask = np.zeros(SIZE, dtype=np.uint8)
    mask[:, 40:] = 1
    for name, number, time in pictures:
        for folder in ("images", "masks"):
            (root / split / folder / name).parent.mkdir(parents=True, exist_ok=True)
        frame(number, time).save(root / split / "images" / f"{name}{suffix}")
        Image.fromarray(mask).save(root / split / "masks" / f"{name}.png")
    (root / "classes.json").write_text(json.dumps({"names": ["left", "right"]}))
    return DataSettings(root=str(root))


def lookalikes(settings: DataSettings) -> list[Finding]:
    return [one for one in check(settings, progress=False, workers=1).findings if one.code == "lookalikes"]


FRAMES = [(f"drive{number}_{time:04}", number, time) for number in range(3) for time in range(8)]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_frames_between_those_that_are_trained_on_are_found(suffix: str, tmp_path: Path) -> None:
    write(tmp_path, "train", FRAMES[::2], suffix)
    settings = write(tmp_path, "val", FRAMES[1::2], suffix)
    (found,) = lookalikes(settings)
    assert (found.severity, found.count) == ("note", 12)
    assert "12 of 12 pictures of val look nearly the same as one of train" in found.message
    assert found.message.endswith("such as data={'train': 'train[!drive0_*]', 'val': 'train[drive0_*]'}")
    drives = [[file.split("_")[0].split("/")[-1] for file in example.split(" ≈ ")] for example in found.examples]
    assert all(first == second for first, second in drives)


def test_the_advice_holds_and_pieces_by_position_are_no_help(tmp_path: Path) -> None:
    settings = replace(write(tmp_path, "train", FRAMES), test="train[drive1_0000,drive1_0001]")
    parted = replace(settings, train="train[!drive0_*,drive1_*]", val="train[drive0_*]")
    assert not lookalikes(parted)
    (found,) = lookalikes(replace(settings, train="train[::2]", val="train[1::2]"))
    assert found.count == 12 and found.message.endswith("new scenes")  # who cuts already knows how


def test_a_set_in_one_piece_whose_frames_are_parted_one_by_one_is_told_so(tmp_path: Path) -> None:
    flights = [(f"flight{number}_{time:03}", number, time) for number in range(4) for time in range(20)]
    (found,) = lookalikes(write(tmp_path, ".", flights))
    assert "data={'train': 'all[!flight0_*]', 'val': 'all[flight0_*]'}" in found.message


def test_new_scenes_are_not(tmp_path: Path) -> None:
    write(tmp_path, "train", [(f"{number:03}", number, 0) for number in range(20)])
    assert not lookalikes(write(tmp_path, "val", [(f"{number:03}", number, 0) for number in range(20, 40)]))


def test_flat_pictures_tell_nothing_and_few_are_chance(tmp_path: Path) -> None:
    write(tmp_path, "train", FRAMES[:8])
    settings = write(tmp_path, "val", [(f"new{number}", number, 0) for number in range(20, 30)])
    write(tmp_path, "val", [("drive0_later", 0, 9), *FRAMES[8:10]])
    assert not lookalikes(settings)
    for path in (*(tmp_path / "train" / "images").iterdir(), *(tmp_path / "val" / "images").iterdir()):
        Image.new("RGB", SIZE[::-1], (90, 90, 90 + len(path.stem) % 3)).save(path)
    assert not lookalikes(settings)


def test_of_many_some_are_compared_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "train", FRAMES[::2])
    settings = write(tmp_path, "val", FRAMES[1::2])
    (whole,) = lookalikes(settings)
    monkeypatch.setattr(rule, "PRODUCTS", 20)
    assert lookalikes(settings) == [whole]
    monkeypatch.setattr(rule, "MOST", 6)
    (found,) = lookalikes(settings)
    assert found.count == 6 and "6 of 6 pictures of val that were compared (of 12) look nearly" in found.message
