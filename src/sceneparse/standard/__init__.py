"""Label spaces of published data sets, as their own files and the published code have them.

Sources: ade20k-150, voc-21 and cityscapes-19 as in github.com/hszhao/semseg (MIT licence), with the mask values of
ADEChallengeData2016; broden-objects as in github.com/CSAILVision/unifiedparsing; pascal-context-59 by the numbers of
Pascal-Context's 459 classes (labels.txt, cs.stanford.edu/~roozbeh/pascal-context), in the order of these numbers;
coco-stuff-171 as labels.txt of github.com/nightrome/cocostuff, by the values of its stuffthingmaps.
"""

import json
from dataclasses import replace
from functools import cache
from importlib import resources

from sceneparse.labels import LabelSpace
from sceneparse.standard.tables import released_tasks

BRODEN_OBJECTS = "broden-objects"
"""The objects of the released unified network."""


@cache
def standard_labels(name: str) -> LabelSpace:
    """Return the label space of a standard data set, such as "ade20k-150" (a JSON file of this folder).

    "broden-objects" are the objects of `tables.released_tasks`.
    """
    if name == BRODEN_OBJECTS:
        objects = released_tasks().objects
        assert objects is not None
        return objects
    file = resources.files("sceneparse.standard") / f"{name}.json"
    return LabelSpace.from_json(json.loads(file.read_text(encoding="utf-8")), name)


@cache
def cityscapes_label_ids() -> LabelSpace:
    """Return the 19 classes of Cityscapes by the label ids of cityscapesScripts (helpers/labels.py).

    Its masks hold these ids, and its server takes them. What has no id (licence plates, -1) is 255 in a file.
    """
    ids = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
    others = (*(value for value in range(34) if value not in ids), 255)
    return replace(standard_labels("cityscapes-19"), ids=ids, ignore=others)
