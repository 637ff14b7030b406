"""Data sets without splits, which are parted when they are opened."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from sceneparse.settings import DataSettings
from tests.support.small import write_data_set


def one_piece(root: Path, count: int = 12) -> DataSettings:
    """Pictures without splits."""
    write_data_set(root, {".": count})
    return DataSettings("folder", root=str(root))


def coco(root: Path, count: int = 12) -> DataSettings:
    """Pictures that a tool exported in one piece, with a square of the class "car" each."""
    (root / "images").mkdir(parents=True)
    images, annotations = [], []
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "images" / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 64, "height": 48})
        ring = [10, 10, 40, 10, 40, 40, 10, 40]
        annotations.append({"id": number + 1, "image_id": number, "category_id": 1, "segmentation": [ring]})
    categories = [{"id": 1, "name": "car"}, {"id": 2, "name": "bus"}]
    value = {"images": images, "annotations": annotations, "categories": categories}
    (root / "annotations.json").write_text(json.dumps(value))
    return DataSettings("coco", root=str(root))
