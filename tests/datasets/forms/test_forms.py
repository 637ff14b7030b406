"""Annotations as tools take them: each form, read by its rules (or by the tool), gives the label maps back."""

import base64
import csv
import io
import json
import xml.etree.ElementTree
import zipfile
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sceneparse.datasets.forms.cvat import class_colors, voc_colors
from sceneparse.datasets.forms.form import Annotated, AnnotatedPictures
from sceneparse.datasets.forms.label_studio import brush
from sceneparse.datasets.forms.shares import columns
from sceneparse.datasets.forms.table import FORMS
from sceneparse.datasets.opening import open_dataset
from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.settings import DataSettings
from tests.support.label_maps import NAMES, SPACE, files, label_maps


@pytest.mark.parametrize("form", ["coco", "coco_polygons"])
def test_pycocotools_makes_the_same_pixels(form: str, annotated: AnnotatedPictures, out: Path) -> None:
    reader = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    FORMS[form].write(out, annotated)
    coco = reader.COCO(str(out / "annotations.json"))
    assert {one["name"]: tuple(one["color"]) for one in coco.loadCats([1, 2, 3, 4])} == dict(
        zip(NAMES, SPACE.colors, strict=True)
    )
    images = coco.loadImgs(coco.getImgIds())
    assert [image["file_name"] for image in images] == list(files())
    for image in images:
        labels = label_maps()[files()[image["file_name"]]]
        assert (image["height"], image["width"]) == labels.shape
        found = np.full(labels.shape, -1)
        for annotation in coco.loadAnns(coco.getAnnIds(image["id"])):
            mask = coco.annToMask(annotation).astype(bool)
            assert (found[mask] == -1).all() and annotation["area"] == mask.sum() and annotation["iscrowd"] == 0
            rows, across = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            box = [across[0], rows[0], across[-1] - across[0] + 1, rows[-1] - rows[0] + 1]
            assert annotation["bbox"] == box
            found[mask] = annotation["category_id"] - 1
        np.testing.assert_array_equal(found, labels)


def unpacked(file: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """A picture of a zip."""
    with Image.open(io.BytesIO(file.read(name))) as image:
        assert image.mode == "RGB"
        return np.array(image)


def cvat_colors(file: zipfile.ZipFile) -> dict[str, tuple[int, ...]]:
    """The colours of labelmap.txt."""
    head, *lines = file.read("labelmap.txt").decode().splitlines()
    assert head == "# label:color_rgb:parts:actions" and all(line.endswith("::") for line in lines)
    rows = [line.split(":") for line in lines]
    return {row[0]: tuple(map(int, row[1].split(","))) for row in rows}


def test_cvats_masks_have_a_colour_a_class_and_black_where_none_is(annotated: AnnotatedPictures, out: Path) -> None:
    FORMS["cvat"].write(out, annotated)
    with zipfile.ZipFile(out / "annotations.zip") as file:
        colors = cvat_colors(file)
        assert list(colors) == ["background", *NAMES] and len(set(colors.values())) == 5
        assert colors["background"] == (0, 0, 0) and colors[NAMES[1]] == (200, 10, 10)
        listed = file.read("ImageSets/Segmentation/default.txt").decode().splitlines()
        # CVAT's names have no suffix.
        assert listed == [name.removesuffix(".png") for name in label_maps()]
        for name, labels in zip(listed, label_maps().values(), strict=True):
            pixels = unpacked(file, f"SegmentationClass/{name}.png")
            expected = np.array([*list(colors.values())[1:], (0, 0, 0)])[labels]
            np.testing.assert_array_equal(pixels, expected)
            objects = unpacked(file, f"SegmentationObject/{name}.png")
            count = len(np.unique(labels[labels >= 0]))
            drawn = np.unique(objects.reshape(-1, 3)[labels.ravel() >= 0], axis=0)
            assert {tuple(color) for color in drawn.tolist()} == {
                tuple(c) for c in voc_colors()[1 : count + 1].tolist()
            }
            assert not objects[labels < 0].any()
    first = (out / "annotations.zip").read_bytes()
    FORMS["cvat"].write(out, annotated)
    assert (out / "annotations.zip").read_bytes() == first


def alike(root: Path, names: tuple[str, ...], keep: bool = True) -> AnnotatedPictures:
    """Pictures of these files, each all of its own class; names keep their suffix as those that differ in it alone."""
    pictures = []
    for index, name in enumerate(names):
        path = root / "alike" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 5), (99 * index, 9, 9)).save(path)
        labels = np.full((5, 6), index, np.int16)
        pictures.append(Annotated(name if keep else path.stem, path, (5, 6), partial(np.copy, labels)))
    return AnnotatedPictures(tuple(pictures), SPACE, "a model", drawn=True)


def test_pictures_that_differ_in_their_suffix_alone_are_refused_for_cvat(tmp_path: Path, out: Path) -> None:
    with pytest.raises(UserError, match=r"a\.jpg and .*a\.png would both have the mask a\.png"):
        FORMS["cvat"].write(out, alike(tmp_path, ("a.jpg", "a.png")))


@pytest.mark.parametrize("form", ["coco", "coco_polygons", "cvat", "labelme", "label_studio", "folder"])
@pytest.mark.parametrize("names", [("a.jpg", "a.png"), ("A.jpg", "a.jpg"), ("A.jpg", "b.png")])
def test_alike_names_are_read_back_as_what_they_were(
    form: str, names: tuple[str, ...], tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if form.startswith("coco"):
        pytest.importorskip("pycocotools", reason="pycocotools is not installed")
    keep = names == ("a.jpg", "a.png")
    if form == "cvat" and keep:
        return  # refused: see above
    monkeypatch.setenv("SCENEPARSE_CACHE", str(tmp_path / "cache"))
    annotated = alike(tmp_path, names, keep)
    FORMS[form].write(out, annotated)
    options: dict[str, Any] = {} if form == "folder" else {"images": str(tmp_path / "alike")}
    if form == "cvat":
        options = {}
        (out / "images").mkdir()
        for one in annotated:
            (out / "images" / one.picture.name).write_bytes(one.picture.read_bytes())
    settings = DataSettings(form.removesuffix("_polygons"), root=str(out), options=options)
    found = {}
    for split in ("train", "val") if form == "folder" else ("all",):
        dataset = open_dataset(settings, split)
        for sample in map(dataset.__getitem__, range(len(dataset))):
            assert sample.objects is not None
            (index,) = sample.objects.unique().tolist()
            found[int(sample.image[0, 0, 0]) // 90] = dataset.labels.names[index]
    assert found == {0: NAMES[0], 1: NAMES[1]}


def test_a_class_called_background_is_cvats_and_pixels_without_one_are_told_from_it(
    annotated: AnnotatedPictures, out: Path
) -> None:
    space = LabelSpace(("sky", "background", "tree", "road"))
    assert class_colors(space)[1] == (0, 0, 0) and len(set(class_colors(space))) == 4
    FORMS["cvat"].write(out, AnnotatedPictures(annotated.pictures, space, "a model"))
    with zipfile.ZipFile(out / "annotations.zip") as file:
        assert list(cvat_colors(file)) == ["sky", "background", "tree", "road", "ignored"]
        pixels = unpacked(file, "SegmentationClass/empty.png")
        assert (pixels == (224, 224, 192)).all()
    with pytest.raises(UserError, match="leave CVAT no name for the pixels without a class"):
        names = LabelSpace(("ignored", "background", "tree", "road"))
        FORMS["cvat"].write(out, AnnotatedPictures(annotated.pictures, names, "a model"))


@pytest.mark.parametrize("name", ["a:b", "#grass", " road"])
def test_names_that_cvats_label_map_cannot_hold_are_refused(name: str, annotated: AnnotatedPictures, out: Path) -> None:
    with pytest.raises(UserError, match="cannot stand in CVAT's labelmap"):
        FORMS["cvat"].write(out, AnnotatedPictures(annotated.pictures, LabelSpace((name, "b", "c", "d")), "a model"))


def test_labelmes_masks_lie_in_boxes_whose_last_row_and_column_count(annotated: AnnotatedPictures, out: Path) -> None:
    FORMS["labelme"].write(out, annotated)
    for one in annotated:
        path = out / f"{one.name}.json"
        said = json.loads(path.read_text(encoding="utf-8"))
        assert said["imageData"] is None and said["version"].startswith("5.")
        assert (path.parent / said["imagePath"]).resolve() == one.picture.resolve()
        assert (said["imageHeight"], said["imageWidth"]) == one.size
        found = np.full(one.size, -2)  # labelme has its background where nothing is drawn
        for shape in said["shapes"]:  # as labelme's shapes_to_label does it
            assert shape["shape_type"] == "mask"
            (left, top), (right, bottom) = shape["points"]
            with Image.open(io.BytesIO(base64.b64decode(shape["mask"]))) as image:
                mask = np.array(image).astype(bool)
            label = shape["label"]
            found[top : bottom + 1, left : right + 1][mask] = -1 if label == "__ignore__" else NAMES.index(label)
        np.testing.assert_array_equal(found, one.read())
    assert (out / "labels.txt").read_text(encoding="utf-8").splitlines() == ["__ignore__", *NAMES]


def unbrushed(rle: list[int]) -> NDArray[np.uint8]:
    """The values of Label Studio's run lengths, as its own decoder reads them."""
    bits, at = "".join(f"{byte:08b}" for byte in rle), 0

    def read(count: int) -> int:
        nonlocal at
        at += count
        return int(bits[at - count : at], 2)

    count, word, sizes = read(32), read(5) + 1, [read(4) + 1 for _ in range(4)]
    found: list[int] = []
    while len(found) < count:
        equal, length = read(1), read(sizes[read(2)]) + 1
        found += [read(word)] * length if equal else [read(word) for _ in range(length)]
    assert len(found) == count and set(bits[at:]) <= {"0"} and len(bits) - at < 8
    return np.array(found, np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (40, 50), (200, 170)])
def test_brush_strokes_are_rgba_run_lengths_of_any_length(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).random(size) < 0.3
    for mask in (np.zeros(size, bool), np.ones(size, bool), noise):
        np.testing.assert_array_equal(unbrushed(brush(mask)), np.repeat(mask.ravel() * np.uint8(255), 4))


def test_label_studios_tasks_fit_its_configuration(annotated: AnnotatedPictures, out: Path) -> None:
    FORMS["label_studio"].write(out, annotated)
    view = xml.etree.ElementTree.parse(out / "labeling.xml").getroot()
    picture, control = view.find("Image"), view.find("BrushLabels")
    assert picture is not None and control is not None and picture.get("value") == "$image"
    assert [label.get("value") for label in control] == list(NAMES)
    assert control[1].get("background") == "#c80a0a"
    tasks = json.loads((out / "tasks.json").read_text(encoding="utf-8"))
    for task, (file, name) in zip(tasks, files().items(), strict=True):
        assert unquote(task["data"]["image"]) == f"/data/local-files/?d={file}"
        labels = label_maps()[name]
        found = np.full(labels.shape, -1)
        (prediction,) = task["predictions"]
        assert prediction["model_version"] == "a model"
        for stroke in prediction["result"]:
            assert stroke["from_name"] == control.get("name") and stroke["to_name"] == picture.get("name")
            assert (stroke["original_height"], stroke["original_width"]) == labels.shape
            alpha = unbrushed(stroke["value"]["rle"]).reshape(*labels.shape, 4)[..., 3]
            found[alpha > 0] = NAMES.index(stroke["value"]["brushlabels"][0])
        np.testing.assert_array_equal(found, labels)


def test_shares_are_a_row_a_picture_and_add_up_where_all_is_labelled(annotated: AnnotatedPictures, out: Path) -> None:
    FORMS["csv"].write(out, annotated)
    with (out / "shares.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == list(files())
    for row, labels in zip(rows, label_maps().values(), strict=True):
        assert (int(row["height"]), int(row["width"])) == labels.shape
        for index, name in enumerate(NAMES):
            assert float(row[name]) == pytest.approx((labels == index).mean(), abs=1e-6)
    assert columns(("file", "road", "file (class)")) == ["file (class) (class)", "road", "file (class)"]


def test_the_folder_is_a_data_set_with_the_pixels_without_a_class_ignored(
    annotated: AnnotatedPictures, out: Path
) -> None:
    FORMS["folder"].write(out, annotated)
    seen = {}
    for split in ("train", "val"):
        dataset = open_dataset(DataSettings(root=str(out)), split)
        assert dataset.labels.names == NAMES and dataset.labels.ids == SPACE.ids
        for index in range(len(dataset)):
            objects = dataset[index].objects
            assert objects is not None
            seen[dataset.name(index)] = objects.numpy()
    assert set(seen) == set(label_maps())
    for name, labels in label_maps().items():
        np.testing.assert_array_equal(seen[name], labels)
    assert (out / "val/images/a/東 京.jpg").samefile(annotated.pictures[0].picture)
    with pytest.raises(UserError, match="one picture cannot be both"):
        FORMS["folder"].write(out / "one", AnnotatedPictures(annotated.pictures[:1], SPACE, "a model"))
