"""Ready means ready: what training refuses before its first step the doctor says, and its advice works."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sceneparse.datasets.camvid import CAMVID
from sceneparse.datasets.opening import open_dataset, open_for_training
from sceneparse.datasets.voc import VOC
from sceneparse.doctor import Diagnosis, Finding, check
from sceneparse.errors import UserError
from sceneparse.settings import ClassSettings, DataSettings
from tests.support.mask_exports import WRITERS

MASK = np.array([[0, 0, 1, 1, 1, 255]] * 4, dtype=np.uint8)
SPACE: dict[str, Any] = {"names": ["sky", "road"], "ignore": 255}


def write(root: Path, masks: NDArray[np.uint8] = MASK, space: dict[str, Any] = SPACE) -> DataSettings:
    rng = np.random.default_rng(0)
    for split, count in (("train", 3), ("val", 2)):
        for folder in ("images", "masks"):
            (root / split / folder).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            picture = rng.integers(0, 256, (*masks.shape[:2], 3), dtype=np.uint8)
            Image.fromarray(picture).save(root / split / "images" / f"{index}.png")
            Image.fromarray(masks).save(root / split / "masks" / f"{index}.png")
    (root / "classes.json").write_text(json.dumps(space))
    return DataSettings("folder", root=str(root))


def diagnosed(settings: DataSettings) -> Diagnosis:
    return check(settings, progress=False, workers=1)


def error(settings: DataSettings, code: str) -> Finding:
    """The error of that code, of a data set that isn't ready."""
    diagnosis = diagnosed(settings)
    assert not diagnosis.ok and "not ready" in diagnosis.verdict
    return next(found for found in diagnosis.findings if found.code == code and found.severity == "error")


def amend(root: Path, **changes: Any) -> None:
    path = root / "classes.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_masks_that_are_ignored_everywhere_are_no_data_set_to_train_on(tmp_path: Path) -> None:
    settings = write(tmp_path, np.full((4, 6), 255, dtype=np.uint8))
    found = error(settings, "nothing-labelled")
    assert "train: every pixel is ignored, so that nothing can be learnt from" in found.message


def test_a_single_class_needs_a_background(tmp_path: Path) -> None:
    settings = write(tmp_path, np.minimum(MASK, 1), {"names": ["road"], "ids": [1], "ignore": 0})
    found = error(settings, "one-class")
    assert "'road' is the only class" in found.message and "a background class is needed" in found.message
    assert "ignored now (0): name them in classes.json in place of ignoring them" in found.message
    # As it says: the ignored value becomes a class.
    amend(tmp_path, names=["background", "road"], ids=[0, 1], ignore=[])
    assert diagnosed(settings).ok


def test_training_refuses_a_single_class_as_the_doctor_does(tmp_path: Path) -> None:
    settings = write(tmp_path, np.minimum(MASK, 1), {"names": ["road"], "ids": [1], "ignore": 0})
    with pytest.raises(
        UserError, match=r"'road' is the only class, .* a background class is needed, such as the pixels"
    ):
        open_for_training(settings)


@pytest.mark.parametrize(
    ("classes", "followed"),
    [
        ({"drop": ("sky",)}, {"merge": {"background": ("sky",)}}),
        ({"rename": {"sky": None}}, {"merge": {"background": ("sky",)}}),
    ],
)
def test_one_class_that_is_left_is_refused_with_what_to_do(
    classes: dict[str, Any], followed: dict[str, Any], tmp_path: Path
) -> None:
    settings = write(tmp_path)
    one = replace(settings, classes=ClassSettings(**classes))
    found = error(one, "one-class").message
    assert found.endswith("as one: data={'classes': {'merge': {'background': ['sky']}}}")
    with pytest.raises(UserError, match=re.escape(found)):
        open_for_training(one)
    assert diagnosed(replace(settings, classes=ClassSettings(**followed))).ok


def test_merging_all_classes_into_one_is_refused(tmp_path: Path) -> None:
    settings = replace(write(tmp_path), classes=ClassSettings(merge={"all": ("sky", "road")}))
    assert "merge fewer (data.classes)" in error(settings, "one-class").message


def jpeg_mask(root: Path) -> None:
    (root / "train/masks/0.png").unlink()
    Image.new("L", (6, 4)).save(root / "train/masks/0.jpg")


def empty(root: Path) -> None:
    for path in list(root.rglob("*.png")):
        path.unlink()


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


REFUSED: dict[str, tuple[Callable[[Path], object], dict[str, str]]] = {
    "no split to train on": (lambda root: (root / "train").rename(root / "other"), {}),
    "no split to validate on": (lambda root: (root / "val").rename(root / "other"), {}),
    "a folder of masks is gone": (lambda root: (root / "train/masks").rename(root / "gone"), {}),
    "a picture without a mask": (lambda root: empty(root / "train/masks"), {}),
    "a mask without a picture": (lambda root: empty(root / "val/images"), {}),
    "two files of a name": (lambda root: shutil.copy(root / "train/images/0.png", root / "train/images/0.bmp"), {}),
    "an empty split": (lambda root: empty(root / "val"), {}),
    "no samples in a slice": (lambda root: root, {"val": "val[9:]"}),
    "a bad slice": (lambda root: root, {"train": "train[a:b]"}),
    "a split named twice": (lambda root: root, {"train": "train+train"}),
    "a cut off picture": (lambda root: cut_off(root / "train/images/0.png"), {}),
    "a mask of another size": (lambda root: Image.new("L", (5, 4)).save(root / "train/masks/0.png"), {}),
    "a mask of unknown values": (lambda root: Image.new("L", (6, 4), 9).save(root / "train/masks/0.png"), {}),
    "a mask that is a JPEG": (jpeg_mask, {}),
    "classes that no file names": (lambda root: shutil.copy(root / "val/masks/0.png", root / "classes.json"), {}),
}
"""By what is wrong: what spoils a sound data set, and the settings that differ."""


@pytest.mark.parametrize("case", REFUSED)
def test_what_training_refuses_the_doctor_says(case: str, tmp_path: Path) -> None:
    settings = write(tmp_path)
    open_for_training(settings)
    assert diagnosed(settings).ok
    spoil, changes = REFUSED[case]
    spoil(tmp_path)
    settings = replace(settings, **changes)  # type: ignore[arg-type]
    with pytest.raises(UserError):  # as training would, which opens both splits and reads samples
        for split in open_for_training(settings):
            [split[index] for index in range(len(split))]
    try:
        assert not diagnosed(settings).ok
    except UserError:  # which is no finding, but ends the check in one line
        assert case == "classes that no file names"


def test_a_slice_of_a_split_is_no_missing_split(tmp_path: Path) -> None:
    settings = replace(write(tmp_path), train="train[1:]", val="train[:1]")
    found = diagnosed(settings)
    assert found.ok
    whole = diagnosed(replace(settings, train="train", val="val"))
    shown, known = ({split.name: split for split in one.splits} for one in (found, whole))
    assert list(shown) == ["train[1:]", "train[:1]", *[name for name in known if name != "train"]]
    assert shown["train[:1]"].pictures == 1
    assert shown["train[1:]"].pictures == known["train"].pictures - 1
    both = zip(shown["train[1:]"].pixels, shown["train[:1]"].pixels, strict=True)
    assert tuple(map(sum, both)) == known["train"].pixels


def test_one_split_is_parted_as_the_doctor_advises(tmp_path: Path) -> None:
    settings = write(tmp_path)
    for path in (tmp_path / "val").rglob("*.png"):
        path.unlink()
    for folder in ("images", "masks", ""):
        (tmp_path / "val" / folder).rmdir()
    found = error(settings, "no-split")
    advice = re.search(r"data={'train': '(.*?)', 'val': '(.*?)'}", found.message)
    assert advice is not None
    followed = replace(settings, train=advice[1], val=advice[2])
    assert diagnosed(followed).ok and [len(split) for split in open_for_training(followed)] == [2, 1]


ADVICE: dict[str, tuple[Any, dict[str, Any], str, str, dict[str, Any]]] = {
    "255 is unlabelled": (MASK, {"names": ["a", "b"]}, "unknown-values", 'add "ignore": 255', {"ignore": 255}),
    "black and white": (
        np.where(MASK > 0, 255, 0).astype(np.uint8),
        {"names": ["a", "b"]},
        "unknown-values",
        'add "ids": [0, 255]',
        {"ids": [0, 255]},
    ),
    "reduce zero label": (
        np.array([[0, 1, 2, 3]] * 4, dtype=np.uint8),
        {"names": ["a", "b", "c"]},
        "unknown-values",
        '"ids": [1, …, 3] and "ignore": [0]',
        {"ids": [1, 2, 3], "ignore": [0]},
    ),
    "one more value": (
        np.array([[0, 1, 2, 7]] * 4, dtype=np.uint8),
        {"names": ["a", "b", "c"]},
        "unknown-values",
        'add "ignore": 7',
        {"ignore": 7},
    ),
    "a class left out": (
        np.array([[0, 1, 2, 3]] * 4, dtype=np.uint8),
        {"names": ["a", "b", "c"]},
        "unknown-values",
        '"names" in classes.json leaves out a class, add it at its place',
        {"names": ["a", "b", "left out", "c"]},
    ),
    "a class of its own value left out": (
        np.array([[1, 2, 3, 8]] * 4, dtype=np.uint8),
        {"names": ["a", "b", "c"], "ids": [1, 2, 3]},
        "unknown-values",
        'add its name to "names" and list every class\'s value in "ids"',
        {"names": ["a", "b", "c", "d"], "ids": [1, 2, 3, 8]},
    ),
    "a colour left out": (
        np.array([[[9, 0, 0], [0, 9, 0], [7, 7, 8]]] * 4, dtype=np.uint8),
        {"names": ["a", "b"], "colors": [[9, 0, 0], [0, 9, 0]], "masks": "rgb"},
        "unknown-values",
        'add its name to "names" and its colour to "colors"',
        {"names": ["a", "b", "c"], "colors": [[9, 0, 0], [0, 9, 0], [7, 7, 8]]},
    ),
    "colours": (
        np.array([[[9, 0, 0], [0, 9, 0]]] * 4, dtype=np.uint8),
        {"names": ["a", "b"], "colors": [[9, 0, 0], [0, 9, 0]]},
        "mask-is-rgb",
        '"masks": "rgb"',
        {"masks": "rgb"},
    ),
    "ids": (
        np.array([[1, 2]] * 4, dtype=np.uint8),
        {"names": ["a", "b"], "ids": [1, 2], "colors": [[9, 0, 0], [0, 9, 0]], "masks": "rgb"},
        "mask-is-index",
        '"masks": "index"',
        {"masks": "index"},
    ),
    "an odd colour": (
        np.array([[[9, 0, 0], [0, 9, 0], [7, 7, 8]]] * 4, dtype=np.uint8),
        {"names": ["a", "b"], "colors": [[9, 0, 0], [0, 9, 0]], "masks": "rgb"},
        "unknown-values",
        '"ignore_colors"',
        {"ignore_colors": [[7, 7, 8]]},
    ),
}
"""By what is wrong: masks, classes.json, the finding, what it advises, and that done."""


@pytest.mark.parametrize("case", ADVICE)
def test_the_advice_works_when_it_is_followed(case: str, tmp_path: Path) -> None:
    masks, space, code, says, followed = ADVICE[case]
    settings = write(tmp_path, masks, space)
    found = error(settings, code)
    assert says in found.message
    amend(tmp_path, **followed)
    assert diagnosed(settings).ok, diagnosed(settings).findings
    open_for_training(settings)


def test_masks_of_voc_in_vocs_colours_are_read(tmp_path: Path) -> None:
    base = tmp_path / "VOC2012"
    ids = np.array([[0, 1, 15, 255]] * 4, dtype=np.uint8)
    palette = np.zeros((256, 3), dtype=np.uint8)
    palette[: len(VOC)] = VOC.palette
    palette[255] = (224, 224, 192)
    names = {"train": ["a", "b"], "val": ["c"]}
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (base / folder).mkdir(parents=True)
    for split, listed in names.items():
        (base / "ImageSets/Segmentation" / f"{split}.txt").write_text("\n".join(listed))
        for name in listed:
            rng = np.random.default_rng(ord(name))
            Image.fromarray(rng.integers(0, 255, (4, 4, 3), dtype=np.uint8)).save(base / f"JPEGImages/{name}.jpg")
            Image.fromarray(palette[ids]).save(base / f"SegmentationClass/{name}.png")
    settings = DataSettings("voc2012", root=str(tmp_path))
    objects = open_dataset(settings, "train")[0].objects
    assert objects is not None and objects[0].tolist() == [0, 1, 15, -1]
    assert diagnosed(settings).ok


def test_masks_of_camvid_in_its_colours_of_32_classes_are_read(tmp_path: Path) -> None:
    colors = [[128, 128, 128], [64, 192, 0], [192, 192, 0], [0, 0, 192], [60, 40, 222], [192, 0, 192], [0, 0, 0]]
    masks = np.array([colors] * 4, dtype=np.uint8)
    settings = replace(write(tmp_path, masks), kind="camvid")
    objects = open_dataset(settings, "train")[0].objects
    assert objects is not None
    named = [CAMVID.names[index] if index >= 0 else None for index in objects[0].tolist()]
    assert named == ["Sky", "Building", "Tree", "Pavement", "Pavement", "Bicyclist", None]
    assert diagnosed(settings).ok


def test_other_masks_under_a_published_kind_are_read_as_the_doctor_advises(tmp_path: Path) -> None:
    settings = write(tmp_path, np.array([[40, 41]] * 4, dtype=np.uint8), {"names": ["a", "b"], "ids": [40, 41]})
    found = error(replace(settings, kind="camvid"), "unknown-values")
    assert "write a classes.json that says what the values mean and take kind='folder'" in found.message
    assert diagnosed(settings).ok


def test_a_list_that_joins_two_splits_is_no_leak_unless_it_is_used(tmp_path: Path) -> None:
    WRITERS["cvat"](tmp_path)
    lists = tmp_path / "ImageSets" / "Segmentation"
    (lists / "trainval.txt").write_text((lists / "train.txt").read_text() + (lists / "val.txt").read_text())
    settings = DataSettings("cvat", root=str(tmp_path))
    assert diagnosed(settings).ok
    (used,) = [one for one in diagnosed(replace(settings, train="trainval")).findings if one.code == "overlap"]
    assert used.severity == "warning" and "data.train 'trainval' and data.val 'val' at once" in used.message


UNLISTED: dict[str, tuple[str, str]] = {
    "cvat": ("labelmap.txt", r"^car:.*\n"),
    "camvid_form": ("label_colors.txt", r"^0 0 142 car\n"),
    "cityscapes_form": ("label_colors.txt", r"^0 0 142 car\n"),
    "kitti_form": ("label_colors.txt", r"^0 0 142 car\n"),
    "roboflow": ("_classes.csv", r"^3, car"),
}
"""By kind, the file of its classes and the line of one."""


@pytest.mark.parametrize("kind", UNLISTED)
def test_a_class_that_a_tools_list_lacks_is_asked_for_in_that_list(kind: str, tmp_path: Path) -> None:
    WRITERS[kind](tmp_path)
    name, line = UNLISTED[kind]
    for path in tmp_path.rglob(name):
        text = path.read_text()
        path.write_text(re.sub(line, "", text, flags=re.MULTILINE))
        assert path.read_text() != text
    settings = DataSettings(kind, root=str(tmp_path))
    said = error(settings, "unknown-values").message
    assert f"{name} names no class for it" in said and "classes.json" not in said
    with pytest.raises(UserError, match=f"{name} names no class for it"):
        open_for_training(settings)[0][1]


@pytest.mark.parametrize(("kind", "mode"), [("cvat", "L"), ("roboflow", "RGB")])
def test_masks_of_a_tool_that_were_converted_are_to_be_exported_again(kind: str, mode: str, tmp_path: Path) -> None:
    WRITERS[kind](tmp_path)
    for path in [*tmp_path.rglob("*_mask.png"), *tmp_path.rglob("SegmentationClass/*.png")]:
        stored = np.array(Image.open(path).convert(mode))
        stored[..., :1] += 1  # so that it is not one grey value in three channels
        Image.fromarray(stored).save(path)
    settings = DataSettings(kind, root=str(tmp_path))
    findings = [found.message for found in diagnosed(settings).findings if found.severity == "error"]
    assert any("export the data set again" in one for one in findings) and "classes.json" not in "".join(findings)
    with pytest.raises(UserError, match="export the data set again"):
        open_for_training(settings)[0][0]
