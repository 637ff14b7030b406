"""COCO JSON (Lin et al., ECCV 2014): masks as compressed run lengths, or regions as polygons along the pixels' edges.

https://cocodataset.org/#format-data. pycocotools makes the same pixels of both forms. A class's category id is its
index plus 1; pixels without a class belong to no annotation.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.datasets.forms.form import AnnotatedPictures, AnnotationForm
from sceneparse.files import json_of
from sceneparse.labels import LabelSpace
from sceneparse.pictures.outlines import trace
from sceneparse.pictures.run_lengths import compressed, run_lengths

FILE = "annotations.json"


def masks(labels: NDArray[np.int16]) -> Iterator[dict[str, Any]]:
    """Yield an annotation for each class that occurs, its mask as compressed run lengths."""
    height, width = labels.shape
    for index, mask in run_lengths(labels).items():
        edges = np.cumsum(mask["counts"])
        starts, stops = edges[:-1:2], edges[1::2]
        left, right = int(starts[0]) // height, int(stops[-1] - 1) // height
        if (starts // height != (stops - 1) // height).any():  # a run that goes on in the next column
            top, bottom = 0, height - 1
        else:
            top, bottom = int((starts % height).min()), int(((stops - 1) % height).max())
        yield {
            "category_id": index + 1,
            "segmentation": {"size": [height, width], "counts": compressed(mask["counts"])},
            "area": int((stops - starts).sum()),
            "bbox": [left, top, right - left + 1, bottom - top + 1],
        }


def polygons(labels: NDArray[np.int16]) -> Iterator[dict[str, Any]]:
    """Yield an annotation for each region, its border as one polygon; lines of no width lead to its holes."""
    for region in trace(labels):
        (left, top), (right, bottom) = region.exterior.min(axis=0).tolist(), region.exterior.max(axis=0).tolist()
        yield {
            "category_id": region.index + 1,
            "segmentation": [[number for corner in region.keyhole() for number in corner]],
            "area": region.pixels,
            "bbox": [left, top, right - left, bottom - top],
        }


def categories(labels: LabelSpace) -> list[dict[str, Any]]:
    """Return the classes as COCO's categories, with their colours as COCO panoptic has them."""
    return [
        {"id": index + 1, "name": name, "supercategory": "", "color": list(color)}
        for index, (name, color) in enumerate(zip(labels.names, labels.colors, strict=True))
    ]


def _writer(annotate: Callable[[NDArray[np.int16]], Iterator[dict[str, Any]]]) -> AnnotationForm:
    def write(folder: Path, annotated: AnnotatedPictures) -> None:
        images: list[dict[str, Any]] = []
        head = {"info": {"description": annotated.source}, "licenses": [], "categories": categories(annotated.labels)}
        number = 0
        with (folder / FILE).open("w", encoding="utf-8") as file:
            # Annotation by annotation: all of a large collection would not fit into memory.
            file.write(f'{json_of(head)[:-1]}, "annotations": [')
            for image, one in enumerate(annotated.by_file(), 1):
                height, width = one.size
                images.append({"id": image, "file_name": one.file, "width": width, "height": height})
                for annotation in annotate(one.read()):
                    number += 1
                    whole = {"id": number, "image_id": image, **annotation, "iscrowd": 0}
                    file.write(f"{',' * (number > 1)}\n{json_of(whole)}")
            file.write(f'\n], "images": {json_of(images)}}}\n')

    return AnnotationForm(_TITLES[annotate is polygons], write)


_TITLES = ("COCO JSON, a mask as run lengths for each class", "COCO JSON, a polygon for each region")

COCO = _writer(masks)
COCO_POLYGONS = _writer(polygons)
