"""labelme: what its files may hold besides what `test_exports.py` reads."""

import base64
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sceneparse.data.sample import notes_of
from sceneparse.datasets.opening import open_dataset
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE
from sceneparse.settings import DataSettings

SQUARE = [[2.0, 2.0], [6.0, 2.0], [6.0, 6.0], [2.0, 6.0]]


def shape(label: str = "car", points: Any = SQUARE, kind: str | None = "polygon", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": kind, **more}


def write(root: Path, name: str, shapes: list[Any], *, picture: bool = True, **changes: Any) -> DataSettings:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    content = BytesIO()
    Image.new("RGB", (12, 10), (40, 80, 120)).save(content, "PNG")
    if picture:
        (root / f"{name}.png").write_bytes(content.getvalue())
    whole = {
        "version": "6.3.1",
        "flags": {},
        "shapes": shapes,
        "imagePath": f"{Path(name).name}.png",
        "imageData": base64.b64encode(content.getvalue()).decode(),
        "imageHeight": 10,
        "imageWidth": 12,
        **changes,
    }
    (root / f"{name}.json").write_text(json.dumps(whole))
    return DataSettings("labelme", root=str(root))


def test_a_picture_may_be_in_the_file_alone_or_under_a_path_of_windows(tmp_path: Path) -> None:
    settings = write(tmp_path, "a", [shape()], picture=False)
    write(tmp_path, "json/b", [shape()], picture=False, imageData=None, imagePath="..\\pictures\\b.png")
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (12, 10)).save(tmp_path / "pictures" / "b.png")
    dataset = open_dataset(settings, "all")
    assert [dataset[index].path for index in (0, 1)] == [
        str(tmp_path / "a.json"),
        str(tmp_path / "json/../pictures/b.png"),
    ]
    assert dataset[0].image[:, 0, 0].tolist() == [40, 80, 120]


def test_folders_of_splits_are_splits_of_one_label_space(tmp_path: Path) -> None:
    write(tmp_path, "train/a", [shape("car")])
    settings = write(tmp_path, "valid/a", [shape("road")])
    assert open_dataset(settings, "train").labels.names == ("background", "car", "road")
    objects = open_dataset(settings, "val")[0].objects
    assert objects is not None and objects.max() == 2
    with pytest.raises(UserError, match="no split 'test'; there are: train, valid"):
        open_dataset(settings, "test")


def test_labels_txt_gives_the_classes_and_their_order(tmp_path: Path) -> None:
    settings = write(tmp_path, "a", [shape("car"), shape("__ignore__", [[0, 0], [1, 1]], "rectangle")])
    (tmp_path / "labels.txt").write_text("__ignore__\n_background_\nroad\ncar\n")
    dataset = open_dataset(settings, "all")
    objects = dataset[0].objects
    assert dataset.labels.names == ("_background_", "road", "car") and objects is not None
    assert [int(objects[place, place]) for place in (0, 4, 9)] == [IGNORE, 2, 0]
    (tmp_path / "labels.txt").write_text("road\n")
    with pytest.raises(UserError, match=r"labels\.txt: does not list 'car', which is drawn"):
        open_dataset(settings, "all")


def test_a_mask_at_the_border_is_cut_off_there(tmp_path: Path) -> None:
    content = BytesIO()
    Image.fromarray(np.full((4, 4), 255, np.uint8)).save(content, "PNG")
    mask = base64.b64encode(content.getvalue()).decode()
    settings = write(tmp_path, "a", [shape(points=[[-2, 8], [1, 11]], kind="mask", mask=mask)])
    objects = open_dataset(settings, "all")[0].objects
    assert objects is not None and objects.sum() == 4 and (objects[8:, :2] == 1).all()
    settings = write(tmp_path, "a", [shape(points=[[0, 0], [9, 9]], kind="mask", mask=mask)])
    with pytest.raises(UserError, match=r"shape 0 \('car'\): its mask has 4×4 pixels, its rectangle 10×10"):
        open_dataset(settings, "all")[0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (shape(points=SQUARE[:2]), "a polygon has at least 3 points, not 2"),
        (shape(points=SQUARE[:1], kind="circle"), "a circle has 2 points, not 1"),
        (shape(points=[]), "it has no points"),
        (shape(points=[[1, "x"]]), "its points are not all an x and a y"),
        (shape(points=[[1e12, 0], [0, 0], [1, 1]]), "beyond 1,000,000 pixels"),
        (shape(kind="spline"), "labelme fills no shape of type 'spline'"),
        (shape(points=SQUARE[:2], kind="mask", mask="%%"), "its mask is no base64"),
        (shape(points=SQUARE[:2], kind="mask"), "a mask has a PNG and 2 points"),
    ],
)
def test_a_shape_that_cannot_be_drawn_is_named(given: dict[str, Any], message: str, tmp_path: Path) -> None:
    settings = write(tmp_path, "a", [shape(), given])
    with pytest.raises(UserError, match=rf"a\.json: shape 1 \('car'\): .*{message}"):
        open_dataset(settings, "all")[0]


def test_old_files_without_types_are_polygons(tmp_path: Path) -> None:
    objects = open_dataset(write(tmp_path, "a", [shape(kind=None)]), "all")[0].objects
    assert objects is not None and objects.sum() == 25


def test_damaged_files_are_named(tmp_path: Path) -> None:
    settings = write(tmp_path, "a", [shape()])
    write(tmp_path, "b", [{"points": SQUARE, "shape_type": "polygon"}])
    with pytest.raises(UserError, match=r"b\.json: shape 0 has no label"):
        open_dataset(settings, "all")
    text = (tmp_path / "a.json").read_text()
    (tmp_path / "b.json").write_text(text[: len(text) // 2])
    with pytest.raises(UserError, match=r"b\.json:1:\d+: not valid JSON"):
        open_dataset(settings, "all")
    write(tmp_path, "b", [shape()], imageHeight=9)
    with pytest.raises(UserError, match=r"b\.json: annotated at 12×9 pixels, but the picture .*b\.png has 12×10"):
        open_dataset(settings, "all")[1]


def test_annotations_and_pictures_may_lie_in_folders_of_their_own_of_the_same_splits(tmp_path: Path) -> None:
    for split, names in {"train": "abc", "val": "ab"}.items():
        for name in names:
            # The same names in both splits: each finds its own.
            where = f"../../images/{split}/{name}.png" if name == "a" else f"{name}.png"
            write(tmp_path, f"annotations/{split}/{name}", [shape()], picture=False, imageData=None, imagePath=where)
            path = tmp_path / "images" / split / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (12, 10), (40, 80, 120)).save(path)
    Image.new("RGB", (12, 10)).save(tmp_path / "images" / "val" / "not annotated.png")
    settings = DataSettings("labelme", root=str(tmp_path))
    training, validation = (open_dataset(settings, split) for split in ("train", "val"))
    assert [training.name(index) for index in range(3)] == ["a", "b", "c"] and len(validation) == 2
    assert Path(validation[1].path) == tmp_path / "images" / "val" / "b.png"
    assert Path(training[0].path).resolve() == tmp_path / "images" / "train" / "a.png"
    assert any("1 picture without a JSON file not annotated" in note for note in notes_of(validation))
    assert not any("left out" in note for note in notes_of(training))


def test_two_files_of_one_picture_are_refused(tmp_path: Path) -> None:
    settings = write(tmp_path, "a", [shape()])
    write(tmp_path, "a-again", [shape("bus")], picture=False, imageData=None, imagePath="a.png")
    with pytest.raises(UserError, match=r"a-again.json and .*a.json are both of the picture .*a.png: put their shapes"):
        open_dataset(settings, "all")


@pytest.mark.parametrize("options", ({}, {"images": "images"}))
def test_pictures_of_all_splits_may_lie_in_one_folder(options: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for split, names in (("train", "ab"), ("val", "cd")):
        for name in names:
            write(tmp_path, f"annotations/{split}/{name}", [shape()], picture=False, imageData=None)
            Image.new("RGB", (12, 10), (ord(name), 0, 0)).save(tmp_path / f"images/{name}.png")
    Image.new("RGB", (12, 10)).save(tmp_path / "images/e.png")
    settings = DataSettings("labelme", root=str(tmp_path), options=options)
    for split, names in (("train", "ab"), ("val", "cd")):
        dataset = open_dataset(settings, split)
        assert [int(dataset[index].image[0, 0, 0]) for index in range(len(dataset))] == [ord(name) for name in names]
        assert any("1 picture without a JSON file not annotated, left out" in note for note in notes_of(dataset))
