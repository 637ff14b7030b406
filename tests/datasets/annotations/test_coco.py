"""COCO JSON: masks equal to pycocotools', splits by any tool's file names, and a line for what is wrong."""

import ast
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sceneparse.datasets.annotations.coco import KIND
from sceneparse.datasets.annotations.coco_masks import MaskError, polygon_mask, rle_mask, run_lengths
from sceneparse.datasets.opening import open_dataset, open_for_training
from sceneparse.doctor import check
from sceneparse.errors import MissingPackageError, UserError
from sceneparse.labels import IGNORE
from sceneparse.settings import DataSettings

coco = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")

SIZE = (24, 31)
CATEGORIES = [{"id": 1, "name": "car"}, {"id": 7, "name": "road"}, {"id": 90, "name": "unseen"}]


def write(root: Path, file: str, rows: list[dict[str, Any]], **changes: Any) -> DataSettings:
    """A COCO file and its two pictures, a.png and b.png in `images/`."""
    images = [
        {"id": number, "file_name": f"{name}.png", "height": SIZE[0], "width": SIZE[1]}
        for number, name in ((5, "a"), (3, "b"))
    ]
    whole = {"info": {}, "images": images, "annotations": rows, "categories": CATEGORIES, **changes}
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(json.dumps(whole))
    (root / "images").mkdir(exist_ok=True)
    for row in whole["images"]:
        if "/" not in row["file_name"]:
            Image.new("RGB", SIZE[::-1], (90, row["id"] * 20, 60)).save(root / "images" / row["file_name"])
    return DataSettings("coco", root=str(root))


def row(segmentation: Any, category: int = 1, image: int = 5, **more: Any) -> dict[str, Any]:
    return {"id": 11, "image_id": image, "category_id": category, "segmentation": segmentation, **more}


def objects(settings: DataSettings, name: str = "a", split: str = "all") -> NDArray[np.int16]:
    dataset = open_dataset(settings, split)
    index = [dataset.name(number) for number in range(len(dataset))].index(name)
    found = dataset[index].objects
    assert found is not None
    array: NDArray[np.int16] = found.numpy()
    return array


def polygon(rng: np.random.Generator, low: float, high: float) -> list[float]:
    count = int(rng.integers(3, 9))
    points = np.stack([rng.uniform(low, SIZE[1] + high, count), rng.uniform(low, SIZE[0] + high, count)], 1)
    values: list[float] = points.ravel().round(2).tolist()
    return values


@pytest.mark.parametrize("outside", [0.0, 12.0])
def test_polygons_are_pycocotools_pixel_by_pixel(outside: float, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        many = [polygon(rng, -outside, outside) for _ in range(3)]
        truth = coco.decode(coco.merge(coco.frPyObjects(many, *SIZE)))
        assert np.array_equal(polygon_mask(many, SIZE), truth)
    settings = write(tmp_path, "result.json", [row(many[:2]), row(many[2:], 7)])
    truth = np.zeros(SIZE, np.int16)
    for index, own in ((1, many[:2]), (2, many[2:])):
        truth[coco.decode(coco.merge(coco.frPyObjects(own, *SIZE))) == 1] = index
    assert np.array_equal(objects(settings), truth)


def test_run_lengths_are_pycocotools_compressed_and_not() -> None:
    rng = np.random.default_rng(2)
    for share in (0.0, 0.02, 0.5, 1.0):
        mask = rng.random(SIZE) < share
        packed = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
        text = packed["counts"].decode()
        flat = mask.T.ravel()
        edges = np.flatnonzero(np.diff(np.concatenate([[False], flat]).astype(int)))
        counts = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
        assert run_lengths(text)[: len(counts)] == counts
        for form in (text, counts):
            assert np.array_equal(rle_mask({"size": list(SIZE), "counts": form}, SIZE), mask)


def test_a_crowd_is_its_class_and_large_runs_are_read() -> None:
    size = (1200, 1100)
    mask = np.zeros(size, np.uint8, order="F")
    mask[100:900, 3:1000:7] = 1
    packed = coco.encode(mask)
    assert np.array_equal(rle_mask({"size": list(size), "counts": packed["counts"].decode()}, size), mask)


def test_overlaps_go_to_the_later_object_or_to_the_smaller_one(tmp_path: Path) -> None:
    small, large = [[2, 2, 8, 2, 8, 8, 2, 8]], [[0, 0, 20, 0, 20, 20, 0, 20]]
    settings = write(tmp_path, "result.json", [row(small, 7), row(large, 1)])
    assert objects(settings)[5, 5] == 1
    by_area = DataSettings("coco", root=str(tmp_path), options={"overlap": "area"})
    assert objects(by_area)[5, 5] == 2 and objects(by_area)[15, 15] == 1


def test_ids_may_have_gaps_and_begin_at_zero_and_names_come_from_the_file(tmp_path: Path) -> None:
    settings = write(tmp_path, "result.json", [row([[0, 0, 9, 0, 9, 9, 0, 9]], 7)])
    dataset = open_dataset(settings, "all")
    assert dataset.labels.names == ("background", "car", "road", "unseen") and dataset.labels.ids == (0, 1, 7, 90)
    assert objects(settings, "b").max() == 0, "a picture without annotation is all background"
    zero = [{"id": 0, "name": "car"}, {"id": 4, "name": "road"}]
    settings = write(tmp_path, "result.json", [row([[0, 0, 9, 0, 9, 9, 0, 9]], 0)], categories=zero)
    assert open_dataset(settings, "all").labels.ids == (0, 1, 2) and objects(settings)[4, 4] == 1
    ignoring = DataSettings("coco", root=str(tmp_path), options={"unlabelled": "ignore"})
    assert open_dataset(ignoring, "all").labels.names == ("car", "road") and (objects(ignoring, "b") == IGNORE).all()


def test_a_category_called_background_is_what_undrawn_pixels_are(tmp_path: Path) -> None:
    categories = [{"id": 1, "name": "car"}, {"id": 7, "name": "Background"}]
    settings = write(tmp_path, "result.json", [row([[0, 0, 9, 0, 9, 9, 0, 9]])], categories=categories)
    found = objects(settings)
    assert open_dataset(settings, "all").labels.names == ("car", "Background") and (found[4, 4], found[20, 20]) == (
        0,
        1,
    )


def test_categories_of_one_name_are_one_class_and_it_is_said(tmp_path: Path) -> None:
    categories = [{"id": 1, "name": "car"}, {"id": 7, "name": "car"}]
    settings = write(tmp_path, "result.json", [row([[0, 0, 9, 0, 9, 9, 0, 9]], 7)], categories=categories)
    dataset = open_dataset(settings, "all")
    assert dataset.labels.names == ("background", "car") and objects(settings)[4, 4] == 1
    assert any("called 'car'" in note for note in dataset.notes)  # type: ignore[attr-defined]


SQUARE = [[0, 0, 9, 0, 9, 9, 0, 9]]


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        (("annotations/instances_train2017.json", "annotations/instances_val2017.json"), ("train", "val")),
        (("train/_annotations.coco.json", "valid/_annotations.coco.json"), ("train", "val")),
        (("train.json", "validation.json"), ("train", "val")),
        (("annotations/instances_default.json",), ("all",)),
        (("train/_annotations.coco.json",), ("train",)),
        (("labels.json",), ("all",)),
    ],
)
def test_splits_are_found_by_the_names_that_tools_give_their_files(
    files: tuple[str, ...], splits: tuple[str, ...], tmp_path: Path
) -> None:
    for file in files:
        settings = write(tmp_path, file, [row(SQUARE)])
    for split in splits:
        assert objects(settings, "a", split)[4, 4] == 1
    assert KIND.recognise is not None and "COCO JSON" in (KIND.recognise(tmp_path) or "")


def test_ids_of_classes_may_be_text_as_those_of_pictures(tmp_path: Path) -> None:
    categories = [{**one, "id": str(one["id"])} for one in CATEGORIES]
    settings = write(tmp_path, "result.json", [row(SQUARE, 7), row(SQUARE, "90", 3)], categories=categories)  # type: ignore[arg-type]
    assert open_dataset(settings, "all").labels.names[1:] == ("car", "road", "unseen")
    assert objects(settings, "a")[4, 4] == 2 and objects(settings, "b")[4, 4] == 3


def test_outlines_that_fit_a_turned_picture_both_ways_are_said(tmp_path: Path) -> None:
    images = [{"id": number, "file_name": f"{number}.jpg"} for number in (1, 2, 3)]
    low = [[2, 20, 9, 20, 9, 28, 2, 28]]  # which no picture has that lies on its side
    settings = write(
        tmp_path, "result.json", [row(SQUARE, image=1), row(low, image=2), row(SQUARE, image=3)], images=images
    )
    exif = Image.Exif()
    exif[0x0112] = 6
    for number in (1, 2):
        Image.new("RGB", SIZE[::-1], (9, 9, number)).save(tmp_path / "images" / f"{number}.jpg", exif=exif)

    def said(settings: DataSettings) -> list[str]:
        found = check(settings, progress=False).findings
        return [one.message for one in found if one.code == "unclear-orientation"]

    (message,) = said(settings)
    assert message.startswith("1 picture that EXIF turns") and message.endswith("images/1.jpg")
    assert said(replace(settings, orientation="ignore")) == []
    sized = [{**one, "width": SIZE[one["id"] != 3], "height": SIZE[one["id"] == 3]} for one in images]
    whole = {"images": sized, "annotations": [row(SQUARE, image=1)], "categories": CATEGORIES}
    (tmp_path / "result.json").write_text(json.dumps(whole))
    assert said(settings) == []


def test_outlines_go_before_key_points_and_another_file_can_be_named(tmp_path: Path) -> None:
    for name in ("person_keypoints", "instances"):
        settings = write(tmp_path, f"annotations/{name}_train2017.json", [row(SQUARE, 7 if name == "instances" else 1)])
    assert objects(settings, split="train")[4, 4] == 2
    options = {"annotations": "annotations/person_keypoints_{split}2017.json"}
    named = DataSettings("coco", root=str(tmp_path), options=options)
    assert objects(named, split="train")[4, 4] == 1
    (tmp_path / "annotations" / "instances_train2017.json").rename(tmp_path / "annotations" / "stuff_train2017.json")
    message = r"could both be split 'train'; .*={'options': {'annotations': 'annotations/person_keypoints_"
    with pytest.raises(UserError, match=message):
        open_dataset(settings, "train")


@pytest.mark.parametrize(
    ("files", "lengths"),
    [
        (("a/annotations.json", "b/annotations.json"), [1, 2]),
        (("north/labels.json", "south/labels.json", "east/labels.json"), [3, 1]),
        (("train.json", "val.json", "annotations/train.json", "annotations/val.json"), [1, 2]),
        (("train/more.json", "annotations/train.json", "annotations/val.json"), [2, 3]),
        (("val/coco_a.json", "val/coco_b.json"), []),
    ],
)
def test_following_what_is_said_of_rivals_opens_them(files: Sequence[str], lengths: list[int], tmp_path: Path) -> None:
    for count, file in enumerate(files, 1):
        images = [{"id": n, "file_name": f"{count}-{n}.png"} for n in range(count)]
        write(tmp_path, file, [row(SQUARE, image=0)], images=images)
    settings = DataSettings("coco", root=str(tmp_path))
    with pytest.raises(UserError, match="could both be split") as raised:
        open_for_training(settings)
    followed = replace(settings, **ast.literal_eval(str(raised.value).partition("such as data=")[2]))
    if lengths:
        assert [len(split) for split in open_for_training(followed)] == lengths
    else:  # of two for validation there is none to train on, but each can be opened
        assert len(open_dataset(followed, "val")) in (1, 2)


def test_pictures_are_found_where_tools_put_them(tmp_path: Path) -> None:
    names = ["train/x/cafe\u0301.png", "C:\\work\\pics\\b.png"]
    images = [{"id": 5, "file_name": names[0]}, {"id": 3, "file_name": names[1]}]
    settings = write(tmp_path, "annotations/instances_train.json", [row(SQUARE)], images=images)
    for folder in ("train/x", "val/x"):
        (tmp_path / "images" / folder).mkdir(parents=True)
        Image.new("RGB", SIZE[::-1]).save(tmp_path / "images" / folder / "caf\u00e9.png")
    Image.new("RGB", SIZE[::-1]).save(tmp_path / "images" / "b.png")
    dataset = open_dataset(settings, "train")
    assert dataset[0].path.endswith("images/train/x/caf\u00e9.png") and dataset[1].path.endswith("images/b.png")
    elsewhere = DataSettings("coco", root=str(tmp_path), options={"images": "images/val"})
    with pytest.raises(
        UserError, match=r"1 of 2 pictures that it names are not there, the first is 'C:.*data={'options': {'images': "
    ):
        open_dataset(elsewhere, "train")


def test_roboflow_s_project_is_no_class(tmp_path: Path) -> None:
    above = {"supercategory": "streets"}
    categories = [{"id": 0, "name": "streets", "supercategory": "none"}, *({**one, **above} for one in CATEGORIES)]
    settings = write(tmp_path, "train/_annotations.coco.json", [row(SQUARE)], categories=categories)
    assert open_dataset(settings, "train").labels.names == ("background", "car", "road", "unseen")
    settings = write(tmp_path, "train/_annotations.coco.json", [row(SQUARE, 0)], categories=categories)
    with pytest.raises(UserError, match="annotation 11 has category_id 0, which is no class"):
        open_dataset(settings, "train")


def test_a_byte_order_mark_and_numbers_as_text_do_no_harm(tmp_path: Path) -> None:
    settings = write(tmp_path, "result.json", [row(SQUARE, image="5")])  # type: ignore[arg-type]
    file = tmp_path / "result.json"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert objects(settings)[4, 4] == 1


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    rows = [row(SQUARE), row([]), row(SQUARE, image=77), {**row(None), "keypoints": [1, 2, 2]}]
    notes = open_dataset(write(tmp_path, "result.json", rows), "all").notes  # type: ignore[attr-defined]
    assert any("2 annotations without an outline" in note for note in notes)
    assert any("1 annotation of pictures that it does not name" in note for note in notes)
    said = "pixels that nobody drew are class 'background' (data.options.unlabelled: background; "
    assert f"{said}data={{'options': {{'unlabelled': 'ignore'}}}} leaves them out)" in notes


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"rows": [row(SQUARE, 2)]}, r"annotation 11 has category_id 2, which is no class of the file's categories"),
    ({"rows": [row([])]}, "has boxes or key points only"),
    ({"rows": [row(SQUARE, image=8)]}, "no annotation's image_id is the id of one of its images"),
    ({"rows": [], "categories": [CATEGORIES[0], {"id": 1, "name": "tree"}]}, "class 1 is there twice"),
    ({"rows": [], "categories": [{"id": 1}]}, r"category \{'id': 1\} has no whole number as id or no name"),
    ({"rows": [], "categories": [{"id": 1, "name": " "}]}, "class 1 has no name"),
    ({"rows": [], "images": [{"id": 1, "file_name": "a.png"}] * 2}, "image id 1 is there twice"),
    (
        {"rows": [], "images": [{"id": n, "file_name": "a.png"} for n in (1, 2)]},
        "picture 'a.png' is there under two ids",
    ),
    ({"rows": [], "images": []}, "names no picture"),
]


@pytest.mark.parametrize(("given", "message"), WRONG, ids=[message[:30] for _, message in WRONG])
def test_a_file_that_is_wrong_is_refused_when_it_is_opened(given: dict[str, Any], message: str, tmp_path: Path) -> None:
    settings = write(tmp_path, "result.json", given.pop("rows"), **given)
    with pytest.raises(UserError, match=rf"^[^\n]*result\.json: {message}"):
        open_dataset(settings, "all")


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ({"size": [31, 24], "counts": [744]}, r"run lengths are for 24×31 pixels, but the picture has 31×24"),
        ({"size": [24, 31], "counts": [700]}, r"add up to 700 pixels, but the picture has 744"),
        ({"size": [24, 31], "counts": "P`"}, "cut off or damaged"),
        ({"size": [24, 31], "counts": "é"}, "none of their characters"),
        ({"size": [24, 31], "counts": [-4, 748]}, "not whole numbers"),
        ({"counts": [744]}, "have no size"),
        ([[0, 0, 9, 0, 9]], "not a list of x and y in turn"),
        ([[0, 0, 9, 0, 9, "x"]], "not all numbers"),
        ([[0, 0, 9, 0, 9, float("nan")]], "not all numbers"),
        ([[0, 0, 1e9, 0, 9, 9]], "beyond 1,000,000 pixels"),
        ("abc", "neither a list of polygons nor run lengths"),
    ],
)
def test_a_segmentation_that_is_wrong_is_named_when_it_is_drawn(
    segmentation: Any, message: str, tmp_path: Path
) -> None:
    settings = write(tmp_path, "result.json", [row(segmentation)])
    with pytest.raises(UserError, match=rf"result\.json: annotation 11 of picture 'a': [^\n]*{message}"):
        objects(settings)


def test_a_picture_of_another_size_than_annotated_is_refused(tmp_path: Path) -> None:
    settings = write(tmp_path, "result.json", [row(SQUARE)])
    Image.new("RGB", (40, 24)).save(tmp_path / "images" / "a.png")
    with pytest.raises(UserError, match=r"annotated at 31×24 pixels, but the picture .*a\.png has 40×24; give the"):
        objects(settings)


def test_splits_with_other_categories_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "train.json", [row(SQUARE)])
    settings = write(tmp_path, "val.json", [row(SQUARE)], categories=CATEGORIES[:2])
    with pytest.raises(UserError, match=r"such as 90, which is 'unseen' in train, none in val: export all splits tog"):
        open_dataset(settings, "train")


def test_the_doctor_finds_it_ready(tmp_path: Path) -> None:
    rows = [row(SQUARE), row(SQUARE, 7, 3), row([[20, 20, 24, 20, 24, 24]], 90)]
    settings = write(tmp_path, "result.json", rows)
    diagnosis = check(settings, progress=False, workers=1)
    assert diagnosis.ok and diagnosis.splits[0].pixels[1:3] == (81, 81)


def test_a_missing_package_is_named_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = write(tmp_path, "result.json", [row(SQUARE)])
    monkeypatch.setitem(__import__("sys").modules, "pycocotools", None)
    for refused in (lambda: open_dataset(settings, "all"), lambda: check(settings, progress=False)):
        with pytest.raises(MissingPackageError, match=r"pip install 'sceneparse\[annotations\]'"):
            refused()
    # Run lengths need none.
    alone = write(tmp_path, "result.json", [row({"size": list(SIZE), "counts": [40, 80, 624]})])
    assert (objects(alone) == 1).sum() == 80


def test_masks_that_are_none_say_why() -> None:
    with pytest.raises(MaskError, match="neither a list of numbers nor compressed text"):
        run_lengths(None)


@pytest.mark.parametrize("width", [62, 62.0, "62", "62.0"])
def test_a_size_that_is_not_the_picture_s_is_refused_however_it_is_written(width: Any, tmp_path: Path) -> None:
    settings = write(tmp_path, "result.json", [row([[0, 0, 9, 0, 9, 9, 0, 9]])])
    whole = json.loads((tmp_path / "result.json").read_text())
    whole["images"][0]["width"] = width
    (tmp_path / "result.json").write_text(json.dumps(whole))
    with pytest.raises(UserError, match=r"annotated at 62×24 pixels, but the picture .* has 31×24"):
        objects(settings)


@pytest.mark.parametrize(
    ("segmentation", "said"),
    [
        ({"size": list(SIZE[::-1]), "counts": [SIZE[0] * SIZE[1]]}, "run lengths are for 24×31 pixels"),
        ([[1, 2, 3, 4, 5, 6, 7]], "not a list of x and y in turn"),
        ([[1, 2, 30, float("nan"), 5, 6]], "coordinates are not all numbers"),
        ([[1, 2, 30, None, 5, 6]], "coordinates are not all numbers"),
        ([["1", "2", "30", "4", "5", "6"]], "coordinates are not all numbers"),
    ],
)
def test_damaged_outlines_are_the_doctor_s_errors(segmentation: Any, said: str, tmp_path: Path) -> None:
    settings = write(tmp_path, "result.json", [row(segmentation), row([[0, 0, 9, 0, 9, 9, 0, 9]], image=3)])
    diagnosis = check(settings, progress=False)
    assert not diagnosis.ok and any(said in finding.message for finding in diagnosis.findings)
