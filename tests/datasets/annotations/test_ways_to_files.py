"""What real folders do to exports: splits by other names, pictures that are gone, releases beside each other."""

import ast
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sceneparse.data.sample import notes_of
from sceneparse.datasets.annotations.locating import plain
from sceneparse.datasets.opening import open_dataset, open_for_training
from sceneparse.datasets.testing import open_for_testing
from sceneparse.doctor import check
from sceneparse.errors import MissingSplitError, UserError
from sceneparse.settings import ClassSettings, DataSettings, SourceSettings

EXPORTS = Path(__file__).parent / "exports"


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(list(path.as_posix().encode())).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def coco(path: Path, names: Sequence[str]) -> None:
    pytest.importorskip("pycocotools", reason="pycocotools is not installed (extra annotations)")
    outline = [[1, 1, 5, 1, 5, 4, 1, 4]]
    images = [{"id": place, "file_name": name, "height": 6, "width": 8} for place, name in enumerate(names)]
    drawn = [{"id": one["id"], "image_id": one["id"], "category_id": 1, "segmentation": outline} for one in images]
    write(path, {"images": images, "annotations": drawn, "categories": [{"id": 1, "name": "car"}]})


def labelme(path: Path, *, beside: bool = True) -> None:
    shape = {"label": "car", "points": [[1, 1], [5, 4]], "shape_type": "rectangle"}
    name = f"{path.stem}.png"
    size = {"imageHeight": 6, "imageWidth": 8}
    write(path, {"shapes": [shape], "imagePath": name, "imageData": None, **size})
    if beside:
        picture(path.with_name(name))


def label_studio(root: Path, addresses: Sequence[str]) -> None:
    value = {"x": 10, "y": 10, "width": 40, "height": 40, "rectanglelabels": ["car"]}
    result = [{"id": "r", "original_width": 8, "original_height": 6, "image_rotation": 0, "value": value}]
    tasks = [
        {"id": number, "data": {"image": address}, "annotations": [{"id": 1, "result": result}]}
        for number, address in enumerate(addresses)
    ]
    write(root / "project.json", tasks)


def settings(kind: str, root: Path) -> DataSettings:
    return DataSettings(kind, root=str(root))


def test_masks_of_darwin_do_not_share_a_picture(tmp_path: Path) -> None:
    (tmp_path / "class_mapping.csv").write_text("class_name,class_color\n__background__,0 0 0\ncar,9 9 9\n")
    for name in ("masks/1.png", "masks/night/1.png", "images/1.png"):
        picture(tmp_path / name)
    with pytest.raises(UserError, match="are two pictures, but"):
        open_dataset(settings("darwin", tmp_path), "all")


def test_tasks_to_test_on_that_nobody_annotated_yet_stop_no_training(tmp_path: Path) -> None:
    for number, name in enumerate(("train", "val", "test")):
        label_studio(tmp_path, [f"/data/upload/1/0a1b2c3d-{number}.png"])
        (tmp_path / "project.json").rename(tmp_path / f"{name}.json")
        picture(tmp_path / f"images/{number}.png")
    tasks = json.loads((tmp_path / "test.json").read_text())
    write(tmp_path / "test.json", [{**task, "annotations": []} for task in tasks])
    diagnosis = check(settings("label_studio", tmp_path), progress=False)
    (finding,) = [one for one in diagnosis.findings if one.code == "empty-split"]
    assert diagnosis.ok and finding.severity == "warning" and "no task is annotated" in finding.message


@pytest.mark.parametrize("wrong", ["pictures", "boxes", "cut off"])
def test_a_split_to_test_on_that_cannot_be_opened_stops_no_training(wrong: str, tmp_path: Path) -> None:
    for number, split in enumerate(("train", "val", "test")):
        coco(tmp_path / split / "labels.json", [f"{number}.png"])
        if (wrong, split) != ("pictures", "test"):
            picture(tmp_path / split / f"{number}.png")
    file = tmp_path / "test/labels.json"
    whole = json.loads(file.read_text())
    if wrong == "boxes":
        write(file, {**whole, "annotations": [{**one, "segmentation": []} for one in whole["annotations"]]})
    elif wrong == "cut off":
        file.write_text(json.dumps({**whole, "annotations": []})[:-3])
    export = settings("coco", tmp_path)
    assert [len(split) for split in open_for_training(export)] == [1, 1]
    diagnosis = check(export, progress=False)
    (finding,) = [one for one in diagnosis.findings if one.code == "unusable-split"]
    assert diagnosis.ok and finding.severity == "warning" and len(diagnosis.splits) == 2
    assert finding.message.startswith("test: it is not trained on, but nothing can be measured on it: ")
    # Where it is validated on, it is wrong as ever.
    assert not check(replace(export, val="test"), progress=False).ok


def test_boxes_alone_to_test_on_stop_no_training_on_datumaro(tmp_path: Path) -> None:
    outline: dict[str, Any] = {"type": "polygon", "points": [1, 1, 5, 1, 5, 4], "label_id": 0}
    classes = {"label": {"labels": [{"name": "car"}]}}
    for split in ("train", "val", "test"):
        drawn = outline if split != "test" else {"type": "bbox", "bbox": [1, 1, 4, 3], "label_id": 0}
        item = {"id": split, "annotations": [drawn], "image": {"path": f"{split}.png", "size": [6, 8]}}
        write(tmp_path / "annotations" / f"{split}.json", {"info": {}, "categories": classes, "items": [item]})
        picture(tmp_path / "images" / split / f"{split}.png")
    diagnosis = check(settings("datumaro", tmp_path), progress=False)
    (finding,) = [one for one in diagnosis.findings if one.code == "unusable-split"]
    assert diagnosis.ok and finding.severity == "warning" and "nothing that covers pixels (1 bbox)" in finding.message


def test_annotation_files_beside_a_folder_of_pictures_have_those_of_the_folder_called_alike(tmp_path: Path) -> None:
    for folder in ("left", "right"):
        labelme(tmp_path / "labels" / folder / "1.json", beside=False)
        picture(tmp_path / "images" / folder / "1.png")
    opened = open_dataset(settings("labelme", tmp_path), "all")
    assert [Path(sample.path).parent.name for sample in (opened[0], opened[1])] == ["left", "right"]


def test_two_releases_of_darwin_are_not_one_data_set(tmp_path: Path) -> None:
    root = tmp_path / "export"
    shutil.copytree(EXPORTS / "darwin", root)
    (root / "releases/latest").rename(root / "releases/v2")
    shutil.copytree(root / "releases/v2", root / "releases/v1")
    with pytest.raises(UserError, match="as files of two releases do") as raised:
        open_dataset(settings("darwin", root), "all")
    advice = re.search(r"data={'root': '(\S+)', 'options': {'images': '(\S+)'}}", str(raised.value))
    assert advice is not None
    followed = replace(settings("darwin", Path(advice[1])), options={"images": advice[2]})
    assert len(open_dataset(followed, "all")) == 3


@pytest.mark.parametrize("newest", ["v1", "v2"])
def test_the_release_that_darwin_s_link_leads_to_is_taken(newest: str, tmp_path: Path) -> None:
    root = tmp_path / "export"
    shutil.copytree(EXPORTS / "darwin", root)
    releases = root / "releases"
    (releases / "latest").rename(releases / "v2")
    shutil.copytree(releases / "v2", releases / "v1")
    (releases / "latest").symlink_to(newest)
    other = next((releases / ({"v1", "v2"} - {newest}).pop()).rglob("*.json"))
    whole = json.loads(other.read_text())
    write(other, {**whole, "annotations": []})
    opened = open_dataset(settings("darwin", root), "all")
    # What is drawn is the newest release's, and each picture is there once.
    assert len(opened) == 3
    shutil.rmtree(root / "releases" / ({"v1", "v2"} - {newest}).pop())
    (releases / "latest").unlink()
    alone = open_dataset(settings("darwin", root), "all")
    for place in range(3):
        one, two = opened[place].objects, alone[place].objects
        assert one is not None and two is not None and one.equal(two)


def test_annotations_behind_links_are_read_once(tmp_path: Path) -> None:
    for name in ("train", "val"):
        labelme(tmp_path / "elsewhere" / name / "0.json")
        labelme(tmp_path / "elsewhere" / name / "more" / "1.json")
        (tmp_path / "root" / name).mkdir(parents=True)
        (tmp_path / "root" / name / "day").symlink_to(tmp_path / "elsewhere" / name)
    (tmp_path / "elsewhere" / "train" / "again").symlink_to(tmp_path / "elsewhere" / "train")  # which leads back up
    assert [len(split) for split in open_for_training(settings("labelme", tmp_path / "root"))] == [2, 2]


@pytest.mark.parametrize("kept", ["#recycle", "@Recycle", "$RECYCLE.BIN", ".Trash-1000"])
def test_annotations_that_were_deleted_are_not_read(kept: str, tmp_path: Path) -> None:
    for place in ("0", "1", "2", f"{kept}/gone", f"day/{kept}/gone"):
        labelme(tmp_path / "labelme" / f"{place}.json")
    opened = open_dataset(settings("labelme", tmp_path / "labelme"), "all")
    assert sorted(opened.name(index) for index in range(len(opened))) == ["0", "1", "2"]
    shutil.copytree(EXPORTS / "supervisely", tmp_path / "supervisely")
    opened = open_dataset(settings("supervisely", tmp_path / "supervisely"), "all")
    shutil.copytree(EXPORTS / "supervisely" / "first", tmp_path / "supervisely" / kept / "old")
    assert len(open_dataset(settings("supervisely", tmp_path / "supervisely"), "all")) == len(opened)
    with pytest.raises(MissingSplitError, match="there are: first, second, all"):
        open_dataset(settings("supervisely", tmp_path / "supervisely"), f"{kept}/old")
    for split in ("train", "val", kept):
        coco(tmp_path / "coco" / split / "labels.json", [f"{split}.png"])
        picture(tmp_path / "coco" / split / f"{split}.png")
    given = replace(settings("coco", tmp_path / "coco"), options={"annotations": "{split}/labels.json"})
    assert [len(split) for split in open_for_training(given)] == [1, 1]
    with pytest.raises(MissingSplitError, match="there are: train, val"):
        open_dataset(given, kept)


@pytest.mark.parametrize("names", [("Training", "Validation"), ("TRAIN", "VAL"), ("trn", "dev")])
def test_splits_are_found_by_what_people_call_them(names: tuple[str, str], tmp_path: Path) -> None:
    for place, name in enumerate(names):
        for number in range(2 + place):
            labelme(tmp_path / "labelme" / name / f"{number}.json")
    lengths = [len(split) for split in open_for_training(settings("labelme", tmp_path / "labelme"))]
    assert lengths == [2, 3]
    for place, name in enumerate(names):
        files = [f"{number}.png" for number in range(2 + place)]
        coco(tmp_path / "coco" / "annotations" / f"{name}.json", files)
        for file in files:
            picture(tmp_path / "coco" / name / file)
    assert [len(split) for split in open_for_training(settings("coco", tmp_path / "coco"))] == [2, 3]
    shutil.copytree(EXPORTS / "supervisely", tmp_path / "supervisely")
    for old, name in zip(("first", "second"), names, strict=True):
        (tmp_path / "supervisely" / old).rename(tmp_path / "supervisely" / name)
    assert [len(split) for split in open_for_training(settings("supervisely", tmp_path / "supervisely"))] == [2, 1]


def test_annotations_beside_the_splits_are_said_to_be_left_out(tmp_path: Path) -> None:
    for name in ("train/1", "val/2", "later/3", "4"):
        labelme(tmp_path / f"{name}.json")
    notes = notes_of(open_dataset(settings("labelme", tmp_path), "train"))
    assert any("2 annotation files beside the folders of the splits (train, val) left out" in note for note in notes)


@pytest.mark.parametrize("others", [(), ("test",)])
def test_the_advice_on_a_split_for_validation_works(others: tuple[str, ...], tmp_path: Path) -> None:
    for split in ("train", *others):
        files = [f"{number}.png" for number in range(3)]
        coco(tmp_path / split / "_annotations.coco.json", files)
        for file in files:
            picture(tmp_path / split / file)
    export = settings("coco", tmp_path)
    found = next(one for one in check(export, progress=False).findings if one.severity == "error")
    advice = re.search(r"data={'train': '(.*?)', 'val': '(.*?)'}", found.message)
    assert advice is not None
    assert [len(one) for one in open_for_training(replace(export, train=advice[1], val=advice[2]))] == [2, 1]


def test_files_without_roles_are_named_as_splits(tmp_path: Path) -> None:
    for project in ("one", "two"):
        label_studio(tmp_path, [f"{project}.png"])
        (tmp_path / "project.json").rename(tmp_path / f"{project}.json")
        picture(tmp_path / f"{project}.png")
    export = settings("label_studio", tmp_path)
    with pytest.raises(UserError, match=r"such as data={'train': 'one', 'val': 'two'}"):
        check(export, progress=False)
    assert check(replace(export, train="one", val="two"), progress=False).ok


def test_names_that_differ_in_case_or_blanks_are_said_with_what_makes_them_one(tmp_path: Path) -> None:
    for number, label in enumerate(("car", "Car", "car ", "road")):
        labelme(tmp_path / f"{number}.json")
        whole = json.loads((tmp_path / f"{number}.json").read_text())
        whole["shapes"][0]["label"] = label
        write(tmp_path / f"{number}.json", whole)
    export = settings("labelme", tmp_path)
    note = next(found.message for found in check(export, progress=False).findings if "differ in case" in found.message)
    renames = ast.literal_eval(note.split("data=")[1])["classes"]["rename"]
    diagnosis = check(replace(export, classes=ClassSettings(rename=renames)), progress=False)
    assert diagnosis.labels.names == ("background", "car", "road")
    assert {change.name for change in diagnosis.changes if change.becomes == "car"} == {"car", "Car", "car "}


def test_a_mixture_says_what_was_assumed_of_each_of_its_data_sets(tmp_path: Path) -> None:
    for number in range(5):
        labelme(tmp_path / "drawn" / f"{number}.json")
    source = SourceSettings(kind="labelme", root="drawn", options={"unlabelled": "ignore"}, test=None)
    mixture = DataSettings("mixture", root=str(tmp_path), sources=(source,))
    notes = notes_of(open_dataset(mixture, "train"))
    assert any(note.startswith("labelme: pixels that nobody drew count in nothing") for note in notes)
    assert any("one picture in five of it, by its name, is held out as val" in note for note in notes)


def test_a_split_to_test_on_is_named_where_there_is_none(tmp_path: Path) -> None:
    for number in range(5):
        labelme(tmp_path / f"{number}.json")
    export = settings("labelme", tmp_path)
    said = r"no split 'test': .*; to test a model that was trained here, .*: split='val'; one that .*: split='all'$"
    with pytest.raises(MissingSplitError, match=said):
        open_for_testing(export)
    assert len(open_for_testing(replace(export, test="val"))) == 1
    assert len(open_for_testing(replace(export, test="all"))) == 5


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/data/local-files/?d=dir/a%20b.jpg", "dir/a b.jpg"),
        ("/data/local-files/?d=dir%5Ca.jpg", "dir/a.jpg"),
        ("http://localhost:8080/data/local-files/?d=dir\\a.jpg", "dir/a.jpg"),
        ("/data/local-files/?d=a+b.jpg", "a+b.jpg"),
        ("/data/local-files/?d=a%2Bb.jpg", "a+b.jpg"),
        ("/data/local-files/?d=a&b.jpg", "a&b.jpg"),
        ("/data/local-files/?d=a.jpg&key=1", "a.jpg"),
        ("/data/local-files/?d=50%.jpg", "50%.jpg"),
        ("/data/upload/1/0a1b2c3d-a%20b.jpg", "data/upload/1/0a1b2c3d-a b.jpg"),
        ("/data/upload/1/a#1.jpg", "data/upload/1/a#1.jpg"),
        ("https://host/a/b.jpg?key#part", "a/b.jpg"),
        ("C:\\x\\a.jpg", "x/a.jpg"),
    ],
)
def test_addresses_are_paths_whatever_signs_are_in_them(address: str, name: str) -> None:
    assert plain(address) == name
