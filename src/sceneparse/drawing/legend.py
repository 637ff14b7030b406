"""The classes that occur in a label map, and label maps as pictures of ids."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneparse.errors import UserError, reason_of
from sceneparse.labels import Color, LabelSpace


@dataclass(frozen=True)
class LegendEntry:
    """A class that occurs in a picture.

    Args:
        name: Its name.
        id: Its value in label images.
        color: Its colour in overlays, RGB 0..255.
        share: Its share of the picture, 0..1.
        confidence: The network's mean probability for it over its pixels, 0..1.
        pixels: Number of its pixels.
    """

    name: str
    id: int
    color: Color
    share: float
    confidence: float
    pixels: int

    def to_json(self) -> dict[str, Any]:
        """Return the entry as JSON without the number of pixels, which callers add under a name of their own."""
        return {
            "name": self.name,
            "id": self.id,
            "color": list(self.color),
            "share": round(self.share, 6),
            "confidence": round(self.confidence, 4),
        }


def legend_of(labels: NDArray[np.int16], confidence: NDArray[np.float32], space: LabelSpace) -> tuple[LegendEntry, ...]:
    """List the classes that occur in a label map, the largest share first.

    Args:
        labels: (H, W) class indices; -1 where there is none.
        confidence: (H, W) probabilities.
        space: The classes.
    """
    count = len(space)
    pixels, sure = np.zeros(count + 1, np.int64), np.zeros(count + 1)
    # A band of rows at a time: bincount makes 64-bit copies of what it counts. Index -1 comes last, to be dropped.
    for top in range(0, labels.shape[0], 256):
        band = labels[top : top + 256].ravel() % (count + 1)
        pixels += np.bincount(band, minlength=count + 1)
        sure += np.bincount(band, confidence[top : top + 256].ravel(), count + 1)
    return tuple(
        LegendEntry(
            name=space.names[index],
            id=space.ids[index],
            color=space.colors[index],
            share=int(pixels[index]) / labels.size,
            confidence=float(sure[index] / pixels[index]),
            pixels=int(pixels[index]),
        )
        for index in sorted(range(count), key=lambda index: -pixels[index])
        if pixels[index]
    )


def id_image(labels: NDArray[np.int16], space: LabelSpace) -> Image.Image:
    """Draw a label map as a picture whose pixel values are the label space's ids; see `Parse.label_image`."""
    ids = space.encode(labels)
    image = Image.fromarray(ids)
    if ids.dtype == np.uint8:
        palette = np.zeros((256, 3), np.uint8)
        palette[list(space.ids)] = space.palette
        image.putpalette(palette.tobytes())
    return image


def read_id_image(path: Path, space: LabelSpace) -> NDArray[np.int16]:
    """Read back what `id_image` drew and somebody saved: (H, W) class indices, -1 where there is none.

    It holds ids, even where the mask files of the label space hold colours.

    Raises:
        UserError: It cannot be read, or is a picture of colours now.
    """
    try:
        with Image.open(path) as image:
            ids = np.array(image)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({reason_of(error)}); delete it and parse again") from None
    if ids.ndim != 2:
        raise UserError(f"{path}: has colours now where a label map has ids; delete it and parse again")
    return space.decode_ids(ids)
