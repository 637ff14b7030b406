"""labelme's JSON: a file for each picture, a mask for each class that occurs in it.

https://github.com/wkentaro/labelme. Masks are a shape that labelme has since 5.3; its `shapes_to_label` makes the same
pixels of them. Shapes do not overlap, so that their order means nothing.
"""

import base64
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneparse.datasets.forms.form import AnnotatedPictures, AnnotationForm
from sceneparse.files import write_json, write_text
from sceneparse.labels import IGNORE

IGNORED = "__ignore__"
"""labelme's label of what counts in nothing."""

VERSION = "5.5.0"
"""The form's version, as labelme counts it."""


def shapes(indices: NDArray[np.int16], names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield a shape for each class that occurs: its box, last row and column included, and its mask in it as a PNG.

    Pixels without a class are labelme's `__ignore__`: undrawn ones would be its background.
    """
    for index in np.unique(indices).tolist():
        mask = indices == index
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        top, bottom, left, right = (int(edge) for edge in (rows[0], rows[-1], columns[0], columns[-1]))
        held = io.BytesIO()
        Image.fromarray(mask[top : bottom + 1, left : right + 1].astype(np.uint8)).save(held, "PNG")
        yield {
            "label": IGNORED if index == IGNORE else names[index],
            "points": [[left, top], [right, bottom]],
            "group_id": None,
            "description": "",
            "shape_type": "mask",
            "flags": {},
            "mask": base64.b64encode(held.getvalue()).decode("ascii"),
        }


def write(folder: Path, annotated: AnnotatedPictures) -> None:
    """Write NAME.json for each picture, and labels.txt with the classes (`labelme --labels labels.txt`)."""
    ignored = False
    for one in annotated:
        height, width = one.size
        drawn = list(shapes(one.read(), annotated.labels.names))
        ignored |= any(shape["label"] == IGNORED for shape in drawn)
        path = folder / f"{one.name}.json"
        write_json(
            path,
            {
                "version": VERSION,
                "flags": {},
                "shapes": drawn,
                "imagePath": relative(one.picture, path.parent),
                "imageData": None,
                "imageHeight": height,
                "imageWidth": width,
            },
        )
    names = (*[IGNORED] * ignored, *annotated.labels.names)
    write_text(folder / "labels.txt", "".join(f"{name}\n" for name in names))


def relative(picture: Path, folder: Path) -> str:
    """Return the way from a folder to a picture, with "/"; the whole path where there is none, as between drives."""
    try:
        return Path(os.path.relpath(picture, folder)).as_posix()
    except ValueError:
        return picture.absolute().as_posix()


LABELME = AnnotationForm("labelme's JSON, a mask for each class", write)
