"""Label Studio's tasks: brush strokes as run lengths, and the labeling configuration for them.

https://labelstud.io/tags/brushlabels and https://labelstud.io/guide/predictions. What a model says are predictions,
what a data set has are annotations. The control is called `tag` and the
picture `image`, as in Label Studio's own templates; whoever has another configuration changes `from_name` and `to_name`
in it or in the tasks. Pictures are named as Label Studio's local storage serves them, below its document root.
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from sceneparse.datasets.forms.form import Annotated, AnnotatedPictures, AnnotationForm
from sceneparse.files import json_of, write_text
from sceneparse.labels import LabelSpace

FILE, CONFIGURATION = "tasks.json", "labeling.xml"
FROM_NAME, TO_NAME = "tag", "image"
ADDRESS = "/data/local-files/?d="
"""What comes before a picture's path below LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT."""

_SIZES = (3, 4, 8, 16)
"""Bits of a run's length less 1, as Label Studio chooses among them."""


def brush(mask: NDArray[np.bool_]) -> list[int]:
    """Return Label Studio's run lengths of a mask, as bytes (https://github.com/thi-ng/umbrella, `rle-pack`).

    They are those of an RGBA picture, row by row, whose four channels are 255 on the mask and 0 beside it: 32 bits for
    the number of values, 5 for the bits of a value less 1, 4 for each of `_SIZES` less 1. Each run is a bit that says
    that its values are equal, two bits for which size its length has, its length less 1, and its value.
    """
    flat = mask.ravel()
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    lengths = np.diff(starts, append=flat.size) * 4
    values = np.where(flat[starts], 255, 0)
    # Runs that are longer than the largest size can say are cut.
    longest = 1 << _SIZES[-1]
    pieces = -(-lengths // longest)
    last = pieces.cumsum() - 1
    cut = np.full(int(pieces.sum()), longest, np.int64)
    cut[last] = lengths - (pieces - 1) * longest
    sizes = np.array(_SIZES)
    which = np.searchsorted(1 << sizes, cut)
    runs = (((4 + which) << sizes[which]) + cut - 1) << 8 | np.repeat(values, pieces)
    head = [(flat.size * 4, 32), (8 - 1, 5), *((size - 1, 4) for size in _SIZES)]
    numbers = np.concatenate((np.array([number for number, _ in head]), runs))
    bits = np.concatenate((np.array([count for _, count in head]), 3 + sizes[which] + 8))
    ends = bits.cumsum()
    place = np.repeat(ends, bits) - np.arange(int(ends[-1])) - 1
    packed: list[int] = np.packbits(np.repeat(numbers, bits) >> place & 1).tolist()
    return packed


def task(number: int, one: Annotated, annotated: AnnotatedPictures) -> dict[str, Any]:
    """Return a picture's task, with a brush stroke for each class that occurs."""
    height, width = one.size
    indices = one.read()
    names = annotated.labels.names
    result = [
        {
            "id": f"{number}-{index}",
            "type": "brushlabels",
            "from_name": FROM_NAME,
            "to_name": TO_NAME,
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {"format": "rle", "rle": brush(indices == index), "brushlabels": [names[index]]},
        }
        for index in np.unique(indices[indices >= 0]).tolist()
    ]
    said: dict[str, Any] = {"predictions": [{"model_version": annotated.source, "result": result}]}
    if annotated.drawn:
        said = {"annotations": [{"result": result}]}
    return {"id": number, "data": {"image": f"{ADDRESS}{quote(one.file, errors='surrogateescape')}"}, **said}


def configuration(labels: LabelSpace) -> str:
    """Return the labeling configuration, to be pasted under "Code" in the project's labeling interface."""
    classes = "".join(
        f"    <Label value={quoteattr(name)} background={quoteattr('#{:02x}{:02x}{:02x}'.format(*color))}/>\n"
        for name, color in zip(labels.names, labels.colors, strict=True)
    )
    return (
        f'<View>\n  <Image name="{TO_NAME}" value="$image" zoom="true"/>\n'
        f'  <BrushLabels name="{FROM_NAME}" toName="{TO_NAME}">\n{classes}  </BrushLabels>\n</View>\n'
    )


def write(folder: Path, annotated: AnnotatedPictures) -> None:
    """Write the tasks and the configuration."""
    with (folder / FILE).open("w", encoding="utf-8") as file:
        file.write("[")
        for number, one in enumerate(annotated.by_file(), 1):
            comma = "," * (number > 1)
            file.write(f"{comma}\n{json_of(task(number, one, annotated))}")
        file.write("\n]\n")
    write_text(folder / CONFIGURATION, configuration(annotated.labels))


LABEL_STUDIO = AnnotationForm(
    "Label Studio's tasks with brush strokes: a model's as predictions, else annotations", write
)
