"""Pascal-Context and Pascal-Part in their owners' form."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sceneparse.datasets.broden.pascal import PascalPictures, read_part_names
from sceneparse.datasets.broden.tables import published_tables
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE

scipy_io = pytest.importorskip("scipy.io")

PART2IND = """function pimap = part2ind()
% [aeroplane]
pimap{1}('body')        = 1;                % body
pimap{1}('lwing')       = 3;                % left wing
for ii = 1:10
    pimap{1}(sprintf('engine_%d', ii)) = 10+ii; % multiple engines
end
% [person]
pimap{15}('luarm')      = 9;                % left upper arm
% [cow]
pimap{10}('lfho')       = 30;
keySet = keys(pimap{10});
valueSet = values(pimap{10});
% [sheep]
pimap{17} = containers.Map(keySet, valueSet);
"""


def structures(*records: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Records as MATLAB's 1×N structure."""
    array = np.empty((1, len(records)), dtype=[(key, object) for key in records[0]])
    for index, record in enumerate(records):
        array[0, index] = tuple(record.values())
    return array


def write_pascal(root: Path, part: str = "luarm") -> Path:
    """One picture of a person beside sky, with an arm that reaches into the sky."""
    for folder in ("VOC2010/JPEGImages", "context/trainval", "part/Annotations_Part"):
        (root / folder).mkdir(parents=True)
    (root / "part" / "part2ind.m").write_text(PART2IND)
    Image.new("RGB", (4, 3)).save(root / "VOC2010" / "JPEGImages" / "2008_1.jpg")
    raw = {row.name: row.raw_label for row in published_tables().assignments if row.dataset == "pascal"}
    context = np.tile(np.array([raw["person"], raw["person"], raw["sky"], 431], dtype=np.uint16), (3, 1))
    scipy_io.savemat(root / "context" / "trainval" / "2008_1.mat", {"LabelMap": context})
    mask = np.tile(np.array([0, 1, 1, 0], dtype=np.uint8), (3, 1))
    parts = structures({"part_name": part, "mask": mask})
    thing = structures({"class": "person", "class_ind": 15, "mask": mask, "parts": parts})
    anno = structures({"imname": "2008_1", "objects": thing})
    scipy_io.savemat(root / "part" / "Annotations_Part" / "2008_1.mat", {"anno": anno}, do_compression=True)
    return root


def test_short_names_are_explained_without_words_of_place(tmp_path: Path) -> None:
    (tmp_path / "part2ind.m").write_text(PART2IND)
    assert read_part_names(tmp_path / "part2ind.m") == {
        (1, "body"): "body",
        (1, "lwing"): "wing",
        (1, "engine"): "engine",
        (15, "luarm"): "arm",
        (10, "lfho"): "hoof",
        (17, "lfho"): "hoof",
    }


def test_objects_and_the_parts_inside_them_are_decoded(tmp_path: Path) -> None:
    sample = PascalPictures(write_pascal(tmp_path / "pascal"), published_tables()).sample(0, 3)
    tasks = published_tables().tasks
    assert tasks.objects and tasks.parts and sample.objects is not None and sample.parts is not None
    person, sky = tasks.objects.names.index("person"), tasks.objects.names.index("sky")
    assert sample.objects.tolist() == [[person, person, sky, IGNORE]] * 3
    assert sample.parts.tolist() == [[IGNORE, tasks.parts.names.index("arm"), IGNORE, IGNORE]] * 3
    assert sample.name == "2008_1" and sample.scene is None


def test_a_part_that_part2ind_does_not_explain_is_refused(tmp_path: Path) -> None:
    pictures = PascalPictures(write_pascal(tmp_path / "pascal", "tentacle"), published_tables())
    with pytest.raises(UserError, match=r"2008_1\.mat: part 'tentacle' of object 15 is not in part2ind\.m"):
        pictures.sample(0, 3)
