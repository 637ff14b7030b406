#!/usr/bin/env bash
# darwin-py 3.6.3: exported as grey semantic masks, classes melt into each other where there are 16 or more.
#
# The export "semantic_mask_grey" gives each class a grey, spread over 0 to 255, which class_mapping.csv lists. Squares of
# seventeen classes that don't overlap come out with fewer greys than that: some classes have the grey of another one. A
# class's number is replaced by its grey while the numbers of later classes are still to be replaced, and a grey that is
# such a number is replaced again. "semantic_mask_index" is right. Nothing is raised or warned of.
set -eu
cd "$(mktemp -d)"
python3 -m venv venv
venv/bin/pip install --quiet darwin-py==3.6.3
venv/bin/python - <<'PY'
import json
from pathlib import Path

import numpy as np
from darwin.exporter.formats import semantic_mask_grey, semantic_mask_index
from darwin.utils import parse_darwin_json
from PIL import Image

COUNT, SIDE = 17, 20
squares = [
    {
        "id": f"00000000-0000-0000-0000-{number:012}",
        "name": f"class {number:02}",
        "polygon": {
            "paths": [
                [
                    {"x": SIDE * number + right, "y": down}
                    for right, down in ((2.0, 2.0), (17.0, 2.0), (17.0, 17.0), (2.0, 17.0))
                ]
            ]
        },
        "bounding_box": {"x": SIDE * number + 2.0, "y": 2.0, "w": 15.0, "h": 15.0},
    }
    for number in range(COUNT)
]
slot = {"type": "image", "slot_name": "0", "width": SIDE * COUNT, "height": SIDE, "source_files": []}
content = {
    "version": "2.0",
    "item": {"name": "picture.png", "path": "/", "slots": [slot]},
    "annotations": squares,
}
Path("annotations").mkdir()
path = Path("annotations/picture.json")
path.write_text(json.dumps(content))
found = {}
for name, form in (("index", semantic_mask_index), ("grey", semantic_mask_grey)):
    form.export([parse_darwin_json(path, None)], Path(name))
    (mask,) = Path(name).rglob("*.png")
    values = np.asarray(Image.open(mask))
    found[name] = [int(values[SIDE // 2, SIDE * number + SIDE // 2]) for number in range(COUNT)]
    print(f"{name:5} one value for each square:", found[name], "different ones:", len(set(found[name])))
assert len(set(found["index"])) == COUNT
assert len(set(found["grey"])) < COUNT, "darwin-py changed: grey masks keep classes apart now"
PY
