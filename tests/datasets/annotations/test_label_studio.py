"""Label Studio: polygons, rectangles, ellipses and masks, its short and PNG exports, and a line for what is wrong."""

import base64
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sceneparse.datasets.annotations.brush import BrushError, unpacked
from sceneparse.datasets.opening import open_dataset
from sceneparse.errors import UserError
from sceneparse.settings import DataSettings

EXPORTS = Path(__file__).parent / "exports"
HEIGHT, WIDTH = 20, 40


def result(value: dict[str, Any], kind: str = "polygonlabels", label: str = "car", **more: Any) -> dict[str, Any]:
    size = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
    return {"id": "r1", "type": kind, "from_name": "t", "value": {**value, kind: [label]}, **size, **more}


def write(root: Path, results: list[Any], **changes: Any) -> DataSettings:
    Image.new("RGB", (WIDTH, HEIGHT)).save(root / "a.png")
    task = {
        "id": 1,
        "annotations": [{"id": 2, "result": results}],
        "data": {"text": "x", "image": "/data/upload/1/0a1b2c3d-a.png"},
    }
    (root / "export.json").write_text(json.dumps([{**task, **changes}]))
    return DataSettings("label_studio", root=str(root))


def objects(settings: DataSettings, index: int = 0) -> NDArray[np.int16]:
    found = open_dataset(settings, "all")[index].objects
    assert found is not None
    array: NDArray[np.int16] = found.numpy()
    return array


def test_outlines_take_the_pixels_whose_centres_are_inside(tmp_path: Path) -> None:
    polygon = {"points": [[10, 10], [50, 10], [50, 50], [10, 50]], "closed": True}
    rectangle = {"x": 60, "y": 0, "width": 20, "height": 50, "rotation": 0}
    turned = {"x": 20, "y": 50, "width": 10, "height": 20, "rotation": 90}
    ellipse = {"x": 80, "y": 75, "radiusX": 10, "radiusY": 15, "rotation": 0}
    settings = write(
        tmp_path,
        [
            result(polygon),
            result(rectangle, "rectanglelabels", "road"),
            result(turned, "rectanglelabels", "road"),
            result(ellipse, "ellipselabels", "tree"),
            {"id": "c", "type": "choices", "value": {"choices": ["day"]}, "from_name": "c"},
        ],
    )
    drawn = objects(settings)
    truth = np.zeros((HEIGHT, WIDTH), int)
    truth[2:10, 4:20] = 1
    truth[0:10, 24:32] = 2
    truth[10:14, 4:8] = 2  # 4 wide and 4 high, turned about (8, 10)
    y, x = np.indices((HEIGHT, WIDTH)) + 0.5
    truth[((x - 32) / 4) ** 2 + ((y - 15) / 3) ** 2 <= 1] = 3
    assert open_dataset(settings, "all").labels.names == ("background", "car", "road", "tree")
    assert np.array_equal(drawn, truth)


def test_bitmask_regions_are_their_png_s_opaque_pixels(tmp_path: Path) -> None:
    rgba = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    rgba[3:9, 5:11, 3] = 255
    content = BytesIO()
    Image.fromarray(rgba).save(content, "PNG")
    address = f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
    drawn = objects(write(tmp_path, [result({"imageDataURL": address}, "bitmasklabels")]))
    assert np.array_equal(drawn == 1, rgba[..., 3] > 0)


def test_the_short_export_reads_as_the_full_one(tmp_path: Path) -> None:
    full = json.loads((EXPORTS / "label_studio" / "project-1-at-2026-11-27.json").read_text())
    short = []
    for task in full[:3]:
        (annotation,) = task["annotations"]
        size = {"original_width": 52, "original_height": 37}
        strokes = [{**one["value"], **size} for one in annotation["result"]]
        row = {"image": task["data"]["image"], "id": task["id"], "annotator": 3, "annotation_id": annotation["id"]}
        short.append({**row, **({"tag": strokes} if strokes else {})})
    (tmp_path / "min.json").write_text(json.dumps(short))
    media = str(EXPORTS / "label_studio" / "media")
    brief = open_dataset(DataSettings("label_studio", root=str(tmp_path), options={"images": media}), "all")
    whole = open_dataset(DataSettings("label_studio", root=str(EXPORTS / "label_studio")), "all")
    for index in range(3):
        one, other = brief[index].objects, whole[index].objects
        assert one is not None and other is not None and np.array_equal(one.numpy(), other.numpy())


def test_the_png_export_is_read_beside_the_short_one() -> None:
    root = EXPORTS / "label_studio_png"
    settings = DataSettings("label_studio", root=str(root))
    dataset = open_dataset(settings, "all")
    assert dataset.labels.names == ("background", "car", "road", "tree") and len(dataset) == 3
    for index, number in enumerate((1, 2, 3)):
        truth = np.zeros((37, 52), int)
        for label in ("car", "road", "tree"):
            for path in root.glob(f"task-{number}-*-tag-{label}-0.png"):
                truth[np.array(Image.open(path)) >= 128] = ("car", "road", "tree").index(label) + 1
        assert np.array_equal(objects(settings, index), truth)
    with pytest.raises(UserError, match=r"does not have the labelling tag 'brush' before the label; name the tag"):
        open_dataset(DataSettings("label_studio", root=str(root), options={"tag": "brush"}), "all")


SQUARE = {"points": [[10, 10], [50, 10], [50, 50]]}


def test_of_several_annotations_the_ground_truth_or_the_latest_is_taken(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "created_at": "2026-01-02", "result": [result(SQUARE, label="b")]},
        {"id": 2, "created_at": "2026-01-01", "result": [result(SQUARE, label="a")]},
        {"id": 3, "created_at": "2026-01-03", "was_cancelled": True, "result": [result(SQUARE, label="c")]},
    ]
    dataset = open_dataset(write(tmp_path, [], annotations=rows), "all")
    assert dataset.labels.names == ("background", "b")
    assert any("1 task annotated several times" in note for note in dataset.notes)  # type: ignore[attr-defined]
    rows[1]["ground_truth"] = True
    assert open_dataset(write(tmp_path, [], annotations=rows), "all").labels.names == ("background", "a")


@pytest.mark.parametrize(
    ("results", "message"),
    [
        (
            [result({**SQUARE, "polygonlabels": []}, label="x", image_rotation=90)],
            "its picture was turned in Label Studio",
        ),
        ([{**result(SQUARE), "value": {**SQUARE, "polygonlabels": ["a", "b"]}}], "a region has the labels a, b"),
        ([{**result(SQUARE), "original_width": None}], "a region has no original_width"),
        ([result({"points": [[0, 0], [9, 9]]})], r"region 0 \('car'\): a polygon has at least 3 points"),
        ([result({"points": [[0, 0], [9, 9], [1, "x"]]})], "is no coordinate in percent"),
        ([result({"rle": [1, 2, 3]}, "brushlabels")], "its stroke is cut off"),
        ([result({"rle": ["x"]}, "brushlabels")], "its stroke is no list of bytes"),
        ([result({"imageDataURL": "data:image/png;base64,AAAA"}, "bitmasklabels")], "its mask is no picture"),
        (
            [result(SQUARE), {**result(SQUARE), "original_width": 41}],
            "drawn at 41×20 pixels, but the picture has 40×20",
        ),
    ],
)
def test_what_is_wrong_is_said_with_task_or_region(results: list[Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"export\.json: [^\n]*{message}"):
        objects(write(tmp_path, results))


def test_a_stroke_of_another_picture_is_refused(tmp_path: Path) -> None:
    full = json.loads((EXPORTS / "label_studio" / "project-1-at-2026-11-27.json").read_text())
    stroke = full[0]["annotations"][0]["result"][0]["value"]["rle"]
    with pytest.raises(UserError, match=r"its stroke has 1,924 pixels, but the picture has 800"):
        objects(write(tmp_path, [result({"rle": stroke}, "brushlabels")]))
    with pytest.raises(BrushError, match="cut off"):
        unpacked(stroke[:-20])


def test_runs_of_single_values_and_of_other_sizes_are_read() -> None:
    bits = f"{5:032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))
    bits += (
        "0"
        + "00"
        + f"{2:03b}"
        + "".join(f"{value:08b}" for value in (7, 8, 9))
        + "1"
        + "01"
        + f"{1:04b}"
        + f"{200:08b}"
    )
    padded = bits + "0" * (-len(bits) % 8)
    assert unpacked([int(padded[i : i + 8], 2) for i in range(0, len(padded), 8)]).tolist() == [7, 8, 9, 200, 200]
