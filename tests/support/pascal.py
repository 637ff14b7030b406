"""Pascal-Context and Pascal-Part in their owners' form, as small as can be."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sceneparse.datasets.broden.tables import published_tables

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
    scipy_io = pytest.importorskip("scipy.io")
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
