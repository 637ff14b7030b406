"""A kind speaks up for its own tool's files, and for no others."""

import json
from pathlib import Path
from typing import Any

import pytest

from sceneparse.datasets.annotations.jsonfiles import ENDS, glimpse
from sceneparse.datasets.kinds import KINDS

TOOLS = ("coco", "coco_panoptic", "labelme", "label_studio", "supervisely", "darwin", "segments")

OTHERS: dict[str, Any] = {
    "datumaro": {
        "dm_format_version": "1.0",
        "infos": {},
        "categories": {"label": {"labels": []}},
        "items": [{"id": "a", "annotations": [], "image": {}}],
    },
    "captions": {
        "info": {},
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [{"image_id": 1, "caption": "a"}],
    },
    "vistas": {"labels": [{"name": "a", "color": [1, 2, 3], "instances": True}], "version": "2.0"},
    "bdd100k": [{"name": "a.jpg", "labels": [{"category": "car"}], "attributes": {}}],
    "cityscapes": {"imgHeight": 9, "imgWidth": 9, "objects": [{"label": "car", "polygon": [[0, 0]]}]},
    "via": {"_via_settings": {}, "_via_img_metadata": {}},
    "fiftyone": {"samples": [{"filepath": "a.jpg"}], "classes": {}},
    "our own": {"names": ["road", "car"], "ids": [0, 1]},
    "package": {"name": "x", "version": "1", "scripts": {}},
    "list": [1, 2, 3],
    "text": "categories images annotations file_name",
}


@pytest.mark.parametrize("name", OTHERS)
def test_no_kind_speaks_up_for_another_tool_s_json(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(OTHERS[name]))
    (tmp_path / "meta.json").write_text(json.dumps(OTHERS[name]))
    for kind in TOOLS:
        recognise = KINDS[kind].recognise
        assert recognise is not None and recognise(tmp_path) is None, kind


def test_whatever_lies_in_a_folder_no_kind_stumbles(tmp_path: Path) -> None:
    for name, content in (
        ("a.json", b""),
        ("b.json", b"\xff\xfe{"),
        ("c.json", b"{" * 9000),
        ("d.json", b"\x00\x01"),
        ("meta.json", b'{"classes": 1'),
    ):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "e.json").mkdir()
    (tmp_path / "class_mapping.csv").write_bytes(b"\xff")
    for kind in TOOLS:
        recognise = KINDS[kind].recognise
        assert recognise is not None and recognise(tmp_path) is None
        assert recognise(tmp_path / "nowhere") is None


def test_a_large_coco_file_is_known_by_its_two_ends(tmp_path: Path) -> None:
    images = [
        {"id": number, "file_name": f"{number:012}.jpg", "height": 9, "width": 9} for number in range(3 * ENDS // 60)
    ]
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 9, 0, 9, 9]]}
    whole = {"info": {}, "images": images, "annotations": [annotation] * 2000, "categories": [{"id": 1, "name": "car"}]}
    (tmp_path / "instances_train2017.json").write_text(json.dumps(whole))
    found = glimpse(tmp_path / "instances_train2017.json")
    assert found is not None and len(found.text) < 3 * ENDS
    speaking = [kind for kind in TOOLS if (recognise := KINDS[kind].recognise) and recognise(tmp_path)]
    assert speaking == ["coco"]
