"""Classes of which one alone occurs: no training, in the doctor's words and in training's, and advice that works."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sceneparse.datasets.one_class import refuse_unlearnable
from sceneparse.datasets.opening import open_for_training
from sceneparse.doctor import Diagnosis, check
from sceneparse.errors import UserError
from sceneparse.settings import ClassSettings, DataSettings

Masks = Callable[[str, int], NDArray[np.uint8]]
THREE = {"names": ["background", "road", "car"]}


def alike(*values: int) -> Masks:
    return lambda _split, _index: np.array([values] * 4, dtype=np.uint8)


def write(root: Path, space: dict[str, Any], masks: Masks, count: int = 3) -> DataSettings:
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for folder in ("images", "masks"):
            (root / split / folder).mkdir(parents=True)
        for index in range(count):
            mask = masks(split, index)
            picture = rng.integers(0, 256, (*mask.shape[:2], 3), dtype=np.uint8)
            Image.fromarray(picture).save(root / split / "images" / f"{index}.png")
            Image.fromarray(mask).save(root / split / "masks" / f"{index}.png")
    (root / "classes.json").write_text(json.dumps(space))
    return DataSettings("folder", root=str(root))


def amend(root: Path, **changes: Any) -> None:
    path = root / "classes.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def diagnosed(settings: DataSettings) -> Diagnosis:
    return check(settings, progress=False, workers=1)


def said(settings: DataSettings, code: str, severity: str = "error") -> str:
    found = [one.message for one in diagnosed(settings).findings if (one.code, one.severity) == (code, severity)]
    assert len(found) == 1, diagnosed(settings).findings
    return found[0]


def train(settings: DataSettings) -> None:
    refuse_unlearnable(*open_for_training(settings), settings)


def refused_alike(settings: DataSettings, code: str = "one-class") -> str:
    """What the doctor says, and training says too."""
    message = said(settings, code)
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        train(settings)
    return message


def test_one_class_that_alone_occurs_is_refused(tmp_path: Path) -> None:
    message = refused_alike(write(tmp_path, THREE, alike(1, 1)))
    assert "'road' is the only class that occurs in the masks of 'train'" in message
    assert "the others (background, car) are drawn nowhere: compare the masks' values" in message


def test_one_rare_pixel_of_another_class_is_enough_for_a_training(tmp_path: Path) -> None:
    settings = write(tmp_path, THREE, lambda _, index: np.array([[1, 1, 2 * (index == 19)]], np.uint8), 40)
    assert diagnosed(settings).ok
    train(settings)


@pytest.mark.parametrize(("val", "ok"), [(1, False), (2, True)])
def test_splits_that_are_joined_count_together(val: int, ok: bool, tmp_path: Path) -> None:
    settings = replace(
        write(tmp_path, THREE, lambda split, _: np.full((2, 2), 1 if split == "train" else val, np.uint8))
    )
    settings = replace(settings, train="train+val")
    assert ("one-class" not in {one.code for one in diagnosed(settings).findings if one.severity == "error"}) == ok


@pytest.mark.parametrize("classes", [{}, {"rename": {"car": "vehicle"}}])
def test_one_class_in_what_is_taken_of_a_split_is_refused(classes: dict[str, Any], tmp_path: Path) -> None:
    settings = write(tmp_path, THREE, lambda _, index: np.array([[1, 1, 2 * (index == 2) or 1]], np.uint8))
    settings = replace(settings, val="train", classes=ClassSettings(**classes))
    assert diagnosed(settings).ok
    part = replace(settings, train="train[:2]")
    assert "'road' is the only class that occurs in the masks of 'train[:2]'" in said(part, "one-class")
    with pytest.raises(UserError, match=r"'road' is the only class that occurs"):
        train(part)


BACKGROUNDS: dict[str, tuple[dict[str, Any], Masks]] = {
    "ignored": ({"names": ["background", "road"], "ignore": 255}, alike(1, 255)),
    "two ignored": ({"names": ["background", "road"], "ids": [9, 1], "ignore": [3, 255]}, alike(1, 3, 255)),
    "colours": (
        {
            "names": ["Background", "road"],
            "masks": "rgb",
            "colors": [[9, 9, 9], [200, 0, 0]],
            "ignore_colors": [[0, 0, 0]],
        },
        lambda *_: np.array([[[200, 0, 0], [0, 0, 0]]] * 3, np.uint8),
    ),
}


@pytest.mark.parametrize("case", BACKGROUNDS)
def test_ignored_pixels_become_the_background_that_there_is_as_advised(case: str, tmp_path: Path) -> None:
    settings = write(tmp_path, *BACKGROUNDS[case])
    message = refused_alike(settings)
    assert "a background class is needed" not in message and "ackground', say so in classes.json" in message
    amend(tmp_path, **json.loads("{" + message.partition("such as ")[2] + "}"))
    assert diagnosed(settings).ok, diagnosed(settings).findings
    train(settings)


def test_a_background_alone_needs_another_class(tmp_path: Path) -> None:
    settings = write(tmp_path, {"names": ["background"], "ids": [1], "ignore": [0]}, alike(0, 1))
    message = said(settings, "one-class")
    assert "a class besides the background is needed, such as the pixels that are ignored now (0)" in message
    amend(tmp_path, names=["background", "thing"], ids=[1, 0], ignore=[])
    assert diagnosed(settings).ok


def test_a_background_that_is_dropped_is_taken_back(tmp_path: Path) -> None:
    settings = write(tmp_path, THREE, alike(0, 1, 2))
    dropped = replace(settings, classes=ClassSettings(drop=("background", "car")))
    assert "drop 'background' no longer (data.classes)" in said(dropped, "one-class")
    dropped = replace(settings, classes=ClassSettings(drop=("road", "car")))
    assert "besides the background is needed: drop fewer (data.classes)" in said(dropped, "one-class")
    assert diagnosed(replace(settings, classes=ClassSettings(drop=("car",)))).ok


def test_what_occurs_is_asked_of_the_classes_that_there_are_then(tmp_path: Path) -> None:
    settings = write(tmp_path, THREE, alike(0, 1))
    assert diagnosed(settings).ok
    one = replace(settings, classes=ClassSettings(merge={"all": ("background", "road")}))
    assert "'all' is the only class that occurs" in refused_alike(one)


def test_a_tools_unlabelled_pixels_become_a_class_as_advised(tmp_path: Path) -> None:
    pictures, drawn = [], []
    for index in range(6):
        name = f"{index}.png"
        Image.fromarray(np.random.default_rng(index).integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(tmp_path / name)
        pictures.append({"id": index, "file_name": name, "width": 8, "height": 8})
        box = {"id": index, "image_id": index, "category_id": 1, "iscrowd": 0, "area": 16, "bbox": [0, 0, 4, 4]}
        drawn.append({**box, "segmentation": [[0, 0, 4, 0, 4, 4, 0, 4]]})
    content = {"images": pictures, "annotations": drawn, "categories": [{"id": 1, "name": "car"}]}
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    settings = DataSettings("coco", root=str(tmp_path), options={"unlabelled": "ignore"})
    assert "data={'options': {'unlabelled': 'background'}}" in said(settings, "one-class")
    assert diagnosed(replace(settings, options={"unlabelled": "background"})).ok


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_that_is_ignored_everywhere_is_refused_by_training_too(split: str, tmp_path: Path) -> None:
    space = {**THREE, "ignore": 255}
    settings = write(tmp_path, space, lambda own, _: np.array([[255, 255] if own == split else [0, 1]], np.uint8))
    assert f"{split}: every pixel is ignored" in refused_alike(settings, "nothing-labelled")


def test_a_split_for_validation_with_one_class_is_a_warning(tmp_path: Path) -> None:
    settings = write(tmp_path, THREE, lambda split, _: np.array([[0, 1, 2] if split == "train" else [1] * 3], np.uint8))
    assert "val: 'road' is the only class that occurs: figures" in said(settings, "one-class", "warning")
    assert diagnosed(settings).ok
    train(settings)


def test_a_class_that_is_validated_on_and_never_trained_on_is_a_warning(tmp_path: Path) -> None:
    settings = write(tmp_path, THREE, lambda split, _: np.array([[0, 1, 2 * (split == "val")]], np.uint8))
    assert "val: 1 class that training never sees (car)" in said(settings, "class-unseen", "warning")


def test_values_that_no_class_has_are_said_alone(tmp_path: Path) -> None:
    settings = write(tmp_path, {"names": ["a", "b"]}, alike(0, 255))
    assert [one.code for one in diagnosed(settings).findings if one.severity == "error"] == ["unknown-values"]


def test_names_that_differ_in_case_are_a_warning_whose_advice_works(tmp_path: Path) -> None:
    settings = write(tmp_path, {"names": ["Road", "road", "car"]}, alike(0, 1, 2))
    message = said(settings, "names-alike", "warning")
    assert message.endswith("if they are meant as one: data={'classes': {'merge': {'Road': ['Road', 'road']}}}")
    merged = diagnosed(replace(settings, classes=ClassSettings(merge={"Road": ("Road", "road")})))
    assert merged.ok and "names-alike" not in {one.code for one in merged.findings}
    assert merged.labels.names == ("Road", "car")


def test_one_mask_at_all_pictures_is_a_warning(tmp_path: Path) -> None:
    settings = write(tmp_path / "same", THREE, alike(0, 1, 2), 6)
    assert "12 of 12 pictures have one and the same mask" in said(settings, "repeated-mask", "warning")
    rng = np.random.default_rng(1)
    other = write(tmp_path / "other", THREE, lambda *_: rng.permutation(np.array([[0, 1, 2]], np.uint8).T), 30)
    assert "repeated-mask" not in {one.code for one in diagnosed(other).findings}
