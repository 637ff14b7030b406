"""COCO panoptic: segment ids in PNG, as `panopticapi.utils.id2rgb` writes them, and a line for what is wrong."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sceneparse.datasets.annotations import coco, coco_panoptic
from sceneparse.datasets.opening import open_dataset
from sceneparse.doctor import check
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE
from sceneparse.settings import DataSettings

SIZE = (6, 8)
IDS = np.array([[0, 1, 256, 70000]] * 6).repeat(2, axis=1)
SEGMENTS = [{"id": 1, "category_id": 3}, {"id": 256, "category_id": 200}, {"id": 70000, "category_id": 3, "iscrowd": 1}]
CATEGORIES = [{"id": 200, "name": "sky", "isthing": 0, "color": [70, 130, 180]}, {"id": 3, "name": "car", "isthing": 1}]


def write(root: Path, name: str = "panoptic_train2017", **changes: Any) -> DataSettings:
    annotations = root / "annotations"
    (annotations / name).mkdir(parents=True, exist_ok=True)
    rgb = np.stack([IDS % 256, IDS // 256 % 256, IDS // 65536], -1).astype(np.uint8)
    Image.fromarray(rgb).save(annotations / name / "000001.png")
    (root / "train2017").mkdir(exist_ok=True)
    for picture in ("000001", "000002"):
        Image.new("RGB", SIZE[::-1], (9, 90, int(picture))).save(root / "train2017" / f"{picture}.jpg")
    whole = {
        "images": [{"id": n, "file_name": f"{n:06}.jpg", "height": SIZE[0], "width": SIZE[1]} for n in (1, 2)],
        "annotations": [{"image_id": 1, "file_name": "000001.png", "segments_info": SEGMENTS}],
        "categories": CATEGORIES,
        **changes,
    }
    (annotations / f"{name}.json").write_text(json.dumps(whole))
    return DataSettings("coco_panoptic", root=str(root), train="train")


def test_ids_of_classes_may_be_text(tmp_path: Path) -> None:
    segments = [{**one, "category_id": str(one["category_id"])} for one in SEGMENTS]
    rows = [{"image_id": "1", "file_name": "000001.png", "segments_info": segments}]
    one = open_dataset(write(tmp_path), "train")[0].objects
    two = open_dataset(write(tmp_path, annotations=rows), "train")[0].objects
    assert one is not None and two is not None and one.equal(two)


def test_a_split_to_test_on_that_nobody_annotated_yet_is_a_warning(tmp_path: Path) -> None:
    for name in ("train", "val"):
        settings = write(tmp_path, f"panoptic_{name}")
    write(tmp_path, "panoptic_test", annotations=[])
    (finding,) = [one for one in check(settings, progress=False).findings if one.code == "empty-split"]
    assert finding.severity == "warning" and "its list of annotations is empty: annotate pictures" in finding.message
    with pytest.raises(UserError, match="its list of annotations is empty"):
        open_dataset(settings, "test")


def test_segments_become_their_classes_and_id_0_counts_in_nothing(tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path), "train")
    objects = dataset[0].objects
    assert dataset.labels.names == ("car", "sky") and dataset.labels.ids == (3, 200) and objects is not None
    assert np.array_equal(objects.numpy(), np.array([[IGNORE, 0, 1, 0]] * 6).repeat(2, axis=1))
    assert len(dataset) == 1 and any("1 picture without annotation" in n for n in dataset.notes)  # type: ignore[attr-defined]
    as_background = DataSettings("coco_panoptic", root=str(tmp_path), options={"unlabelled": "background"})
    objects = open_dataset(as_background, "train")[0].objects
    assert objects is not None and objects[0].tolist() == [0, 0, 1, 1, 2, 2, 1, 1]


def test_it_is_told_from_outlines_and_found_ready(tmp_path: Path) -> None:
    settings = write(tmp_path, "panoptic_default")
    assert coco.recognise(tmp_path) is None and "panoptic_default.json" in (coco_panoptic.recognise(tmp_path) or "")
    assert "which cannot be parted into train and val" in check(settings, progress=False, workers=1).findings[0].message
    diagnosis = check(replace(settings, train="all", val="all"), progress=False, workers=1)
    assert diagnosis.ok and diagnosis.splits[0].pixels == (24, 12) and diagnosis.splits[0].ignored == 12


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"annotations": [{"image_id": 1, "file_name": "000001.png", "segments_info": SEGMENTS[:2]}]},
            "segment 70000 at",
        ),
        ({"annotations": [{"image_id": 1, "file_name": "1.png", "segments_info": []}]}, "its mask 1.png is not in"),
        (
            {"annotations": [{"image_id": 9, "file_name": "000001.png", "segments_info": []}]},
            "no annotation's image_id",
        ),
        ({"annotations": [{"image_id": 1, "segments_info": []}]}, "has no segments_info or no file_name"),
        (
            {"annotations": [{"image_id": 1, "file_name": "000001.png", "segments_info": SEGMENTS}] * 2},
            "two annotations",
        ),
        ({"categories": CATEGORIES[:1]}, "segment 1 of image 1 has category_id 3, which is no class"),
        ({"images": [{"id": 1, "file_name": "000001.jpg", "height": 8, "width": 8}]}, "annotated at 8×8 pixels, but"),
    ],
)
def test_what_is_wrong_is_said_with_the_file(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    settings = write(tmp_path, **changes)
    with pytest.raises(UserError, match=message):
        open_dataset(settings, "train")[0]
