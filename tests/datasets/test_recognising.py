"""A folder's kind is seen by what lies in it; what cannot be seen is said with what would help."""

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.cli import main
from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.opening import open_dataset, open_for_training
from sceneparse.datasets.recognising import recognise, taken_for_folder
from sceneparse.errors import UserError
from sceneparse.files import write_json
from sceneparse.labels.named_otherwise import FEW, named_otherwise
from sceneparse.settings import DataSettings
from tests.support.mask_exports import WRITERS


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB" if path.suffix == ".jpg" else "L", (4, 4)).save(path)


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


TREES: dict[str, tuple[tuple[str, ...], Callable[[Path], None]]] = {
    "folder": (("train/images/a.jpg", "train/masks/a.png"), picture),
    "camvid": (("train/a.png", "trainannot/a.png"), picture),
    "ade20k": (
        ("ADEChallengeData2016/images/training/a.jpg", "ADEChallengeData2016/annotations/training/a.png"),
        picture,
    ),
    "voc2012": (
        ("VOC2012/JPEGImages/a.jpg", "VOC2012/SegmentationClass/a.png", "VOC2012/ImageSets/Segmentation/train.txt"),
        touch,
    ),
    "cityscapes": (("leftImg8bit/train/x/a.png", "gtFine/train/x/a.png"), touch),
    "coco_stuff": (("train2017/a.jpg", "stuffthingmaps/train2017/a.png"), touch),
    "huggingface": (("data/train-00000.parquet",), touch),
    "nifti": (("train/case1/case1_t1.nii.gz",), touch),
    "ade20k_full": (("images/training/a/ADE_train_1_seg.png",), touch),
    "broden": (("meta_file/labels.csv",), touch),
    "dtd": (("dtd/images/banded/banded_1.jpg",), touch),
}


@pytest.mark.parametrize("kind", TREES)
def test_a_published_data_set_is_recognised_by_its_tree(kind: str, tmp_path: Path) -> None:
    files, write = TREES[kind]
    for file in files:
        write(tmp_path / file)
    found = recognise(tmp_path)
    assert (found.kind, found.others) == (kind, ())
    assert found.evidence in found.describe()


def test_car_parts_are_recognised_by_their_classes(tmp_path: Path) -> None:
    names = ["background", "hood", "trunk", "wheel", "back_bumper"]
    (tmp_path / "classes.json").write_text(json.dumps({"names": names, "stats": {}}))
    picture(tmp_path / "train/images/a.jpg")
    picture(tmp_path / "train/masks/a.png")
    assert recognise(tmp_path).kind == "car_parts"


def test_where_two_kinds_fit_the_line_says_how_to_name_the_other(tmp_path: Path) -> None:
    touch(tmp_path / "JPEGImages/a.jpg")
    touch(tmp_path / "SegmentationClassContext/a.png")
    found = recognise(tmp_path)
    assert found.kind == "pascal_context"
    assert "what fits too: pascal_context_60 (" in found.describe()
    assert found.describe().endswith("name it with kind='pascal_context_60'")


@pytest.mark.parametrize(
    ("files", "says"),
    (
        ((), r"found nothing\. Name the folder in which the pictures"),
        (("a.jpg", "b.jpg"), r"found a\.jpg, b\.jpg\. There are pictures, but no masks that belong to them: put"),
        (("a.dng", "b.exr"), r"There are picture files whose format isn't read \(\.dng, \.exr\)"),
        (("export.zip",), r"found export\.zip\. Unpack the archive first\."),
        (("notes.md",), r"There are no pictures, but files \.md\."),
        (
            ("images/train/a.jpg", "labels/train/a.txt"),
            r"The text files in labels/, as YOLO has them, aren't read: export",
        ),
        (("JPEGImages/a.jpg", "Annotations/a.xml"), r"XML files, as PASCAL VOC .* aren't read: export"),
        (("a.jpg", "via_region_data.json"), r"The JSON files are of no form that is read: export"),
    ),
)
def test_what_no_kind_fits_is_one_line_with_what_would_help(files: tuple[str, ...], says: str, tmp_path: Path) -> None:
    for file in files:
        touch(tmp_path / file)
    with pytest.raises(UserError, match=says) as caught:
        recognise(tmp_path)
    assert "\n" not in str(caught.value) and "kind='KIND'" in str(caught.value)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(tmp_path / "nowhere")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_a_folder_of_nearly_this_name_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "my-data").mkdir()
    assert main(["data", "check", str(tmp_path / "my-dat")]) == 2
    assert f"did you mean {tmp_path / 'my-data'}?" in capsys.readouterr().err


def car_parts(root: Path) -> Path:
    write_json(root / "classes.json", {"names": ["background", "hood", "trunk", "wheel", "back_bumper"], "stats": {}})
    for split in ("train", "test"):
        for name in ("a", "b", "c", "d", "e"):
            for folder, mode in (("images", "RGB"), ("masks", "L")):
                (root / split / folder).mkdir(parents=True, exist_ok=True)
                Image.new(mode, (8, 8), 1 if mode == "L" else "red").save(root / split / folder / f"{name}.png")
    return root


def test_the_kind_of_the_settings_is_not_guessed_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(car_parts(tmp_path))
    main(["data", "check", root])
    assert "kind: car_parts" in (said := capsys.readouterr()).err and said.out.startswith("car_parts")
    main(["data", "check", root, "--data.kind", "folder"])
    assert "kind: car_parts" not in (said := capsys.readouterr()).err and said.out.startswith("folder")


def test_what_the_doctor_takes_for_another_kind_than_training_does_is_said(tmp_path: Path) -> None:
    said = taken_for_folder(DataSettings("folder", root=str(car_parts(tmp_path))))
    assert "read as kind folder" in said and said.endswith("data={'kind': 'car_parts'}") and "kind='folder'" in said
    assert taken_for_folder(DataSettings("car_parts", root=str(tmp_path))) == ""
    (tmp_path / "classes.json").write_text('{"names": ["sky", "door", "wheel"]}')
    assert taken_for_folder(DataSettings("folder", root=str(tmp_path))) == ""


def test_car_parts_without_a_split_for_validation_say_how_to_part_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no split 'val'; there are: .*; part it: data={'train': 'train\[1:\]'"):
        open_dataset(DataSettings("car_parts", root=str(car_parts(tmp_path))), "val")


def test_recognising_never_fails_whatever_lies_there(tmp_path: Path) -> None:
    for name in ("classes.json", "labelmap.txt", "label_colors.txt", "_classes.csv", "config_v2.0.json", "state.json"):
        (tmp_path / name).write_bytes(b"\xff\xfe nonsense {")
    for folder in ("annotations", "images", "masks", "gtFine", "SegmentationClass", "train"):
        (tmp_path / folder).mkdir()
    (tmp_path / "annotations" / "train.json").write_bytes(b"\xff{")
    for _, kind in KINDS.usable():
        if kind.recognise is not None:
            said = kind.recognise(tmp_path)
            assert said is None or said


def test_training_by_the_wrong_kind_names_the_one_that_fits(tmp_path: Path) -> None:
    touch(tmp_path / "leftImg8bit/train/x/a.png")
    touch(tmp_path / "gtFine/train/x/a.png")
    with pytest.raises(UserError, match="it looks like kind cityscapes"):
        open_dataset(DataSettings("folder", root=str(tmp_path)), "train")


@pytest.mark.parametrize("folder", ("export", "job_7/export"))
@pytest.mark.parametrize("kind", ("cvat", "roboflow", "datumaro"))
def test_an_export_in_a_folder_of_its_own_is_named(kind: str, folder: str, tmp_path: Path) -> None:
    below = tmp_path / folder
    below.mkdir(parents=True)
    (tmp_path / "__MACOSX").mkdir()
    WRITERS[kind](below)
    with pytest.raises(UserError, match=f"{folder} looks like kind {kind} .*: name that folder"):
        read_as_recognised(tmp_path)
    read_as_recognised(below)


@pytest.mark.parametrize("kind", ("cvat", "camvid_form"))
def test_pictures_and_masks_without_classes_are_said_to_be_the_export_that_they_are(kind: str, tmp_path: Path) -> None:
    WRITERS[kind](tmp_path)
    with pytest.raises(UserError, match=f"looks like kind {kind} .*data={{'kind': '{kind}'}}"):
        open_dataset(DataSettings("folder", root=str(tmp_path)), "train")


def test_yolos_text_files_are_said_not_to_be_read(tmp_path: Path) -> None:
    for file in ("train/images/a.jpg", "train/labels/a.txt"):
        touch(tmp_path / file)
    with pytest.raises(UserError, match="as YOLO has them, aren't read"):
        read_as_recognised(tmp_path)


@pytest.mark.parametrize(
    ("file", "says"), (("recipe.yaml", "needs kind='mixture'"), ("a.zip", "unpack"), ("a.json", "name the folder"))
)
def test_a_file_in_place_of_a_folder_is_said(file: str, says: str, tmp_path: Path) -> None:
    touch(tmp_path / file)
    with pytest.raises(UserError, match=says):
        recognise(tmp_path / file)


def read_as_recognised(root: Path) -> None:
    open_dataset(DataSettings(recognise(root).kind, root=str(root)), "train")


def test_a_folder_for_each_fold_beside_the_classes_is_named(tmp_path: Path) -> None:
    pixels = Image.fromarray(np.zeros((4, 6, 3), np.uint8))
    for name in product(("fold0", "fold1"), ("train", "val"), ("images", "masks")):
        tmp_path.joinpath(*name).mkdir(parents=True)
        pixels.convert("L" if name[2] == "masks" else "RGB").save(tmp_path.joinpath(*name, "a.png"))
    (tmp_path / "classes.json").write_text('{"names": ["a", "b"]}')
    with pytest.raises(UserError, match=r"fold0 looks like kind folder .*copy .*classes.json into it, and name that"):
        recognise(tmp_path)
    with pytest.raises(UserError, match="fold0 looks like kind folder"):
        open_dataset(DataSettings(root=str(tmp_path)), "train")
    (tmp_path / "fold0" / "classes.json").write_bytes((tmp_path / "classes.json").read_bytes())
    assert len(open_dataset(DataSettings(root=str(tmp_path / "fold0")), "train")) == 1


@pytest.mark.parametrize("inside", ("train/images", "train/masks", "val", "train"))
def test_a_folder_inside_of_a_data_set_names_the_data_set(inside: str, tmp_path: Path) -> None:
    root = tmp_path / "my-data"
    for name in ("train/images/a.jpg", "train/masks/a.png", "val/images/b.jpg", "val/masks/b.png"):
        picture(root / name)
    (root / "classes.json").write_text('{"names": ["a", "b"]}')
    with pytest.raises(UserError, match=f"{root} looks like kind folder .*: name that folder"):
        read_as_recognised(root / inside)
    with pytest.raises(UserError, match=f"{root} looks like kind folder .*: name that folder"):
        open_dataset(DataSettings("folder", root=str(root / inside)), "train")


def test_the_data_set_around_a_folder_is_named_from_inside_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in TREES["voc2012"][0]:
        touch(tmp_path / file)
    monkeypatch.chdir(tmp_path / "VOC2012" / "JPEGImages")
    with pytest.raises(UserError, match=f"{tmp_path / 'VOC2012'} looks like kind voc2012"):
        recognise(Path())


@pytest.mark.parametrize(
    ("file", "text", "says"),
    (
        ("labels.json", '{"names": ["a", "b"]}', "classes are read from classes.json alone: rename labels.json"),
        ("my-space.json", '{"names": ["a", "b"]}', "classes are read from classes.json alone: rename my-space.json"),
        ("labels.json", '["a", "b"]', 'labels.json is not read: write its names into classes.json, such as {"names"'),
        ("classes.json.txt", '{"names": ["a"]}', "classes.json.txt is not read: write its names into classes.json"),
        ("Names.TXT", "a\nb", "Names.TXT is not read: write its names into classes.json"),
        ("notes.json", '{"by": "me"}', "it must name the classes, such as"),
    ),
)
def test_classes_that_are_named_in_another_file_are_said_to_be_there(
    file: str, text: str, says: str, tmp_path: Path
) -> None:
    for name in ("train/images/a.jpg", "train/masks/a.png"):
        picture(tmp_path / name)
    (tmp_path / file).write_text(text)
    with pytest.raises(UserError) as caught:
        read_as_recognised(tmp_path)
    assert f"{tmp_path / 'classes.json'}: no such file; {says}" in str(caught.value)
    assert ("The JSON files are of no form" in str(caught.value)) == (file == "notes.json")


def test_annotations_are_not_opened_to_find_names_of_classes(tmp_path: Path) -> None:
    for number in range(FEW + 1):
        (tmp_path / f"{number}.json").write_text('{"names": ["a"]}')
    assert named_otherwise(tmp_path / "classes.json") == ""
    (tmp_path / "0.json").unlink()
    assert "rename 1.json" in named_otherwise(tmp_path / "classes.json")


@pytest.mark.parametrize("kind", ("coco", "cvat", "nifti", "geotiff"))
def test_any_kind_names_the_export_around_its_pictures_and_what_photos_are_for(kind: str, tmp_path: Path) -> None:
    root = tmp_path / "export"
    whole = {"images": [{"id": 1, "file_name": "a.jpg", "height": 4, "width": 4}], "annotations": []}
    (root / "annotations").mkdir(parents=True)
    write_json(root / "annotations" / "instances_train.json", {**whole, "categories": [{"id": 1, "name": "sky"}]})
    picture(root / "images" / "a.jpg")
    settings = DataSettings(kind, root=str(root / "images"))
    for opened in (lambda: open_dataset(settings, "train"), lambda: open_for_training(settings)):
        with pytest.raises(UserError, match=f"{root} looks like kind coco .*: name that folder.*sceneparse.load"):
            opened()
    picture(tmp_path / "elsewhere" / "photos" / "a.jpg")
    photos = DataSettings(kind, root=str(tmp_path / "elsewhere" / "photos"))
    with pytest.raises(
        UserError, match=r"not the expected layout.*To parse pictures that have no masks: `sceneparse.lo"
    ):
        open_dataset(photos, "train")
