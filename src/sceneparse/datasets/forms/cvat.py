"""CVAT's "Segmentation mask 1.1" in a zip, as CVAT's import and Datumaro (`voc_segmentation`) take it.

https://docs.cvat.ai/docs/dataset_management/formats/format-smask/. Colours stand for classes; black is what nobody
drew, which CVAT calls background.
"""

import io
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneparse.datasets.cvat import VOID
from sceneparse.datasets.forms.form import Annotated, AnnotatedPictures, AnnotationForm, refuse_shared_stems
from sceneparse.datasets.unlabelled import BACKGROUND
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE, LabelSpace
from sceneparse.labels.space import Color, distinct_colors

FILE = "annotations.zip"
_BLACK = (0, 0, 0)
_OBJECTS = 255
"""So many objects can have a colour of their own in SegmentationObject; without it the classes' masks count."""
_DATE = (1980, 1, 1, 0, 0, 0)
"""The same annotations are the same bytes."""


def class_colors(labels: LabelSpace) -> tuple[Color, ...]:
    """Return a colour for each class that no other one has.

    Black is the class called background, and no other. A class whose colour is taken gets another one.
    """
    void = labels.names.index(BACKGROUND) if BACKGROUND in labels.names else None
    taken = {_BLACK, VOID[1]}
    spare = iter(distinct_colors(2 * len(labels) + 3))
    colors = []
    for index, color in enumerate(labels.colors):
        if index == void:
            colors.append(_BLACK)
            continue
        found = color
        while found in taken:
            found = next(spare)
        taken.add(found)
        colors.append(found)
    return tuple(colors)


def write(folder: Path, annotated: AnnotatedPictures) -> None:
    """Write the zip: labelmap.txt, the list of pictures, and two masks of each.

    Raises:
        UserError: A class's name that labelmap.txt cannot hold, two pictures that differ in their suffix alone, or a
            name that is no UTF-8.
    """
    labels = annotated.labels
    for name in labels.names:
        if ":" in name or "\n" in name or name != name.strip() or name.startswith("#"):
            raise UserError(
                f"class '{name}' cannot stand in CVAT's labelmap.txt, since it has a colon, begins with # or begins or "
                "ends with a blank: rename the class, or take another form"
            )
    colors = class_colors(labels)
    lines = [f"{name}:{_numbers(color)}::" for name, color in zip(labels.names, colors, strict=True)]
    if BACKGROUND not in labels.names:
        lines.insert(0, f"{BACKGROUND}:{_numbers(_BLACK)}::")
    # Where background is a class, pixels without one must be told from it. Else no void is needed.
    void = VOID[1] if BACKGROUND in labels.names else _BLACK
    table = np.array([*colors, void], np.uint8)
    objects = voc_colors()
    listed: dict[str, Annotated] = {}
    ignored = False
    with zipfile.ZipFile(folder / FILE, "w") as file:
        for one in annotated:
            indices = one.read()
            ignored |= void != _BLACK and bool((indices == IGNORE).any())
            if (other := listed.setdefault(one.stem, one)) is not one:
                refuse_shared_stems((each.name, each.picture) for each in (other, one))
            if one.stem.encode("utf-8", "replace").decode() != one.stem:
                raise UserError(f"{one.picture}: a zip for CVAT holds names in UTF-8 alone: rename the picture")
            _add(file, f"SegmentationClass/{one.stem}.png", _png(table[indices]))
            number, count = _numbered(indices, table)
            if count <= _OBJECTS:
                _add(file, f"SegmentationObject/{one.stem}.png", _png(objects[number]))
        if ignored:
            if VOID[0] in labels.names:
                raise UserError(
                    f"classes '{BACKGROUND}' and '{VOID[0]}' leave CVAT no name for the pixels without a class: "
                    "rename one of them, or take another form"
                )
            lines.append(f"{VOID[0]}:{_numbers(VOID[1])}::")
        _add(file, "ImageSets/Segmentation/default.txt", "".join(f"{name}\n" for name in listed).encode())
        _add(file, "labelmap.txt", "\n".join(["# label:color_rgb:parts:actions", *lines, ""]).encode())


def voc_colors() -> NDArray[np.uint8]:
    """Return PASCAL VOC's 256 colours: the bits of a number, from the lowest on, are the highest ones of its colour."""
    numbers = np.arange(256)
    colors = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colors[:, channel] |= ((numbers >> (3 * bit + channel) & 1) << (7 - bit)).astype(np.uint8)
    return colors


def _numbered(indices: NDArray[np.int16], table: NDArray[np.uint8]) -> tuple[NDArray[np.int64], int]:
    """Number what is drawn, a class an object, from 1 on; 0 where nothing is. Returns the numbers and how many."""
    present = np.zeros(len(table), bool)
    present[indices.ravel()] = True
    present &= table.any(axis=1)
    numbers = np.where(present, present.cumsum(), 0)
    return numbers[indices], int(present.sum())


def _numbers(color: Color) -> str:
    return ",".join(map(str, color))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    return held.getvalue()


def _add(file: zipfile.ZipFile, name: str, content: bytes) -> None:
    file.writestr(zipfile.ZipInfo(name, _DATE), content, zipfile.ZIP_DEFLATED)


CVAT = AnnotationForm('a zip for CVAT\'s import of "Segmentation mask 1.1"', write, by_stem=True)
