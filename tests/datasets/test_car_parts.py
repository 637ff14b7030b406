"""Car parts: parts and the car that owns them, and nothing about objects."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.datasets.car_parts import car_part_labels, open_car_parts
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE


def test_the_union_of_the_parts_is_their_car_and_no_object_is_taught(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / "train" / folder).mkdir(parents=True)
    (tmp_path / "classes.json").write_text(json.dumps({"names": ["background", "door", "wheel"], "stats": {}}))
    Image.new("RGB", (3, 1)).save(tmp_path / "train/images/a.jpg")
    Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8)).save(tmp_path / "train/masks/a.png")
    dataset = open_car_parts(tmp_path, "train")
    assert dataset.tasks.parts is not None and dataset.tasks.parts.names == ("door", "wheel")
    assert dataset.tasks.tree is not None and dataset.tasks.tree.children == ((0, 1),)
    sample = dataset[0]
    assert sample.objects is None
    assert sample.parts is not None and sample.parts.tolist() == [[IGNORE, 0, 1]]
    assert sample.owners is not None and sample.owners.tolist() == [[IGNORE, 0, 0]]
    (tmp_path / "classes.json").write_text("{}")
    with pytest.raises(UserError, match=r"classes\.json: cannot be read"):
        open_car_parts(tmp_path, "train")


def test_left_and_right_parts_are_mirror_pairs_by_their_names_or_as_listed(tmp_path: Path) -> None:
    names = ["background", "front_left_door", "hood", "front_right_door", "left_mirror", "right_mirror"]
    (tmp_path / "classes.json").write_text(json.dumps({"names": names}))
    pairs = (("front_left_door", "front_right_door"), ("left_mirror", "right_mirror"))
    assert car_part_labels(tmp_path).mirror == pairs
    (tmp_path / "classes.json").write_text(json.dumps({"names": names, "mirror": [list(pairs[1])]}))
    assert car_part_labels(tmp_path).mirror == (pairs[1],)
    (tmp_path / "classes.json").write_text(json.dumps({"names": names, "mirror": [["hood", "trunk"]]}))
    with pytest.raises(UserError, match=r"classes\.json: \"mirror\" names 'trunk', which is no class"):
        car_part_labels(tmp_path)


def test_the_real_car_parts_have_five_pairs(shared: Path) -> None:
    assert len(car_part_labels(shared / "data" / "car_parts").mirror) == 5
