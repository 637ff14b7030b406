"""Label Studio's tasks of several pictures: each region is drawn on its own picture, or the task is refused by name."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sceneparse.datasets.opening import open_dataset
from sceneparse.errors import UserError
from sceneparse.settings import DataSettings

SIZES = {"a": (20, 10), "b": (30, 10), "c": (40, 10)}
ADDRESSES = {name: f"/data/local-files/?d=pictures%2F{name}%201.png" for name in SIZES}


def region(name: str, label: str, to_name: str | None = "image", **more: Any) -> dict[str, Any]:
    """The left half of a picture."""
    value = {"x": 0, "y": 0, "width": 50, "height": 100, "rotation": 0, "rectanglelabels": [label]}
    width, height = SIZES[name]
    size = {"original_width": width, "original_height": height, "image_rotation": 0}
    aim = {} if to_name is None else {"to_name": to_name}
    return {"id": f"r-{label}", "type": "rectanglelabels", "from_name": "tag", "value": value, **aim, **size, **more}


def write(root: Path, data: dict[str, Any], results: list[Any], *others: dict[str, Any]) -> DataSettings:
    for name, size in SIZES.items():
        (root / "pictures").mkdir(exist_ok=True)
        Image.new("RGB", size).save(root / "pictures" / f"{name} 1.png")
    task = {"id": 7, "data": data, "annotations": [{"id": 1, "result": results}]}
    (root / "export.json").write_text(json.dumps([task, *others]))
    return DataSettings("label_studio", root=str(root))


def drawn(settings: DataSettings) -> dict[str, dict[str, int]]:
    """By picture, the number of pixels of each class."""
    split = open_dataset(settings, "all")
    names = split.labels.names
    found = {}
    for sample in map(split.__getitem__, range(len(split))):
        assert sample.objects is not None
        counts = {name: int((sample.objects == index).sum()) for index, name in enumerate(names)}
        found[Path(sample.path).name[0]] = {name: count for name, count in counts.items() if count}
    return found


def test_regions_of_a_list_of_pictures_are_each_on_their_own(tmp_path: Path) -> None:
    data = {"images": [ADDRESSES[name] for name in "abc"]}
    settings = write(tmp_path, data, [region("c", "car", item_index=2), region("a", "road", item_index=0)])
    assert drawn(settings) == {
        "a": {"background": 100, "road": 100},
        "b": {"background": 300},
        "c": {"background": 200, "car": 200},
    }


def test_a_list_of_pictures_beside_a_single_one_goes_by_the_tag_s_name(tmp_path: Path) -> None:
    data = {"image": ADDRESSES["a"], "pages": [ADDRESSES["b"], ADDRESSES["c"]]}
    settings = write(tmp_path, data, [region("a", "car"), region("c", "road", "pages", item_index=1)])
    assert drawn(settings) == {
        "a": {"background": 100, "car": 100},
        "b": {"background": 300},
        "c": {"background": 200, "road": 200},
    }


def test_regions_of_several_picture_tags_are_each_on_their_own(tmp_path: Path) -> None:
    data = {"left": ADDRESSES["a"], "right": ADDRESSES["b"], "preview": ADDRESSES["c"]}
    settings = write(tmp_path, data, [region("a", "car", "left"), region("b", "road", "right")])
    assert drawn(settings) == {"a": {"background": 100, "car": 100}, "b": {"background": 150, "road": 150}}


def test_tags_of_other_names_are_refused_until_the_configuration_lies_beside_them(tmp_path: Path) -> None:
    data = {"left": ADDRESSES["a"], "right": ADDRESSES["b"]}
    settings = write(tmp_path, data, [region("a", "car", "img-1"), region("b", "road", "img-2")])
    with pytest.raises(UserError, match=r"task 7 has pictures in 'left', 'right', and a region is on 'img-1'.*xml"):
        open_dataset(settings, "all")
    (tmp_path / "labeling.xml").write_text(
        '<View><Image name="img-2" value="$right"/><Image name="img-1" value="$left"/>'
        '<RectangleLabels name="tag" toName="img-1"/></View>'
    )
    assert drawn(settings) == {"a": {"background": 100, "car": 100}, "b": {"background": 150, "road": 150}}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "task 7 has 2 pictures in 'images', and region r-car does not say which it is on"),
        ({"item_index": 2}, "task 7 has 2 pictures in 'images', but region r-car is on number 2"),
    ],
)
def test_a_region_of_no_picture_of_a_list_is_refused(more: dict[str, Any], said: str, tmp_path: Path) -> None:
    settings = write(tmp_path, {"images": [ADDRESSES["a"], ADDRESSES["b"]]}, [region("a", "car", **more)])
    with pytest.raises(UserError, match=said):
        open_dataset(settings, "all")


def test_the_short_form_does_not_say_which_of_several_pictures_is_meant(tmp_path: Path) -> None:
    settings = write(tmp_path, {}, [])
    item = {key: region("a", "car")[key] for key in ("original_width", "original_height")}
    row: dict[str, Any] = {"id": 7, "annotator": 1, "annotation_id": 3, "left": ADDRESSES["a"], "right": ADDRESSES["b"]}
    row["tag"] = [{**item, **region("a", "car")["value"]}]
    (tmp_path / "export.json").write_text(json.dumps([row]))
    with pytest.raises(UserError, match="task 7 has pictures in 'left', 'right', and a region does not say which"):
        open_dataset(settings, "all")
    (tmp_path / "labeling.xml").write_text(
        '<View><Image name="i" value="$right"/><RectangleLabels name="tag" toName="i"/></View>'
    )
    row["tag"][0]["original_width"] = SIZES["b"][0]
    (tmp_path / "export.json").write_text(json.dumps([row]))
    assert drawn(settings) == {"b": {"background": 150, "car": 150}}


def test_a_task_without_a_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="task 7 has no picture"):
        open_dataset(write(tmp_path, {"text": "words"}, [region("a", "car")]), "all")
