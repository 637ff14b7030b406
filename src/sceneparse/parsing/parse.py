"""The parse of a picture: a class for each pixel, how sure the network is, and what can be made of both."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneparse.files import whole_file, write_json
from sceneparse.inference.protocol import TestProtocol
from sceneparse.labels import Color, LabelSpace
from sceneparse.parsing.render import draw_overlay

_JPEG_LIMIT = 65500
"""The longest side in pixels that a JPEG can have."""


@dataclass(frozen=True)
class LegendEntry:
    """A class that occurs in a picture.

    Args:
        name: Its name.
        id: Its value in label images.
        color: Its colour in overlays, RGB 0..255.
        share: Its part of the picture, 0..1.
        confidence: The network's mean probability for it over its pixels, 0..1.
        pixels: Number of its pixels.
    """

    name: str
    id: int
    color: Color
    share: float
    confidence: float
    pixels: int


@dataclass(frozen=True, eq=False)
class Parse:
    """A parsed picture.

    Args:
        image: The picture, (H, W, 3) uint8 RGB, upright.
        labels: Class indices, (H, W) int16; -1 where there is none.
        confidence: Probability of the pixel's class, (H, W) float32, 0..1.
        space: The classes.
        model: Name of the model.
        protocol: How the picture was tested.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.int16]
    confidence: NDArray[np.float32]
    space: LabelSpace
    model: str
    protocol: TestProtocol

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.labels.shape[0], self.labels.shape[1]

    @cached_property
    def legend(self) -> tuple[LegendEntry, ...]:
        """The classes that occur, the largest share first."""
        count = len(self.space)
        pixels, sure = np.zeros(count + 1, np.int64), np.zeros(count + 1)
        # A band of rows at a time: bincount makes 64-bit copies of what it counts. Index -1 comes last, to be dropped.
        for top in range(0, self.labels.shape[0], 256):
            labels = self.labels[top : top + 256].ravel() % (count + 1)
            pixels += np.bincount(labels, minlength=count + 1)
            sure += np.bincount(labels, self.confidence[top : top + 256].ravel(), count + 1)
        return tuple(
            LegendEntry(
                name=self.space.names[index],
                id=self.space.ids[index],
                color=self.space.colors[index],
                share=int(pixels[index]) / self.labels.size,
                confidence=float(sure[index] / pixels[index]),
                pixels=int(pixels[index]),
            )
            for index in sorted(range(count), key=lambda index: -pixels[index])
            if pixels[index]
        )

    def overlay(self, opacity: float = 0.55, legend: bool = True) -> Image.Image:
        """The picture under the colours of its classes, regions outlined.

        Args:
            opacity: How much of the colours is seen, 0 (none) to 1 (nothing else).
            legend: Add a panel that names the classes, beside an upright picture, under any other. Pictures whose long
                side is below 320 pixels are then shown enlarged by a whole number, so that the names fit.
        """
        return draw_overlay(self.image, self.labels, self.space, self.legend if legend else None, opacity)

    def label_image(self) -> Image.Image:
        """The label map as a picture whose pixel values are the label space's ids.

        An 8-bit palette picture in the classes' colours, or 16-bit grey where an id is above 255. Pixels without a
        class have the label space's first ignored value, or the largest that is no class.
        """
        ids = self.space.encode(self.labels)
        image = Image.fromarray(ids)
        if ids.dtype == np.uint8:
            palette = np.zeros((256, 3), np.uint8)
            palette[list(self.space.ids)] = self.space.palette
            image.putpalette(palette.tobytes())
        return image

    def to_json(self) -> dict[str, Any]:
        """Sizes, classes with their shares, and what made them; plain values that JSON can hold."""
        height, width = self.size
        return {
            "width": width,
            "height": height,
            "classes": [
                {
                    "name": entry.name,
                    "id": entry.id,
                    "color": list(entry.color),
                    "share": round(entry.share, 6),
                    "confidence": round(entry.confidence, 4),
                    "pixels": entry.pixels,
                }
                for entry in self.legend
            ],
            "model": self.model,
            "protocol": protocol_json(self.protocol),
        }

    def save(
        self, folder: str | Path, stem: str, *, overlay: bool = True, facts: Mapping[str, Any] | None = None
    ) -> Path:
        """Write STEM.png (`label_image`), STEM_overlay.jpg (`overlay`) and, last, STEM.json (`to_json`).

        Each file is whole or absent, and when the JSON is there, so are the others. The overlay is a PNG where it is
        too long for a JPEG.

        Args:
            folder: Where to; made if it isn't there.
            stem: The files' name; may hold "/" for folders below.
            overlay: Whether to write the overlay.
            facts: What else the JSON shall say.

        Returns:
            The JSON file.
        """
        labels, mark = (Path(folder) / f"{stem}{suffix}" for suffix in (".png", ".json"))
        # What was there before belongs to another parse: without its JSON nobody takes it for a whole one.
        mark.unlink(missing_ok=True)
        with whole_file(labels) as temporary:
            self.label_image().save(temporary)
        files = {"labels": labels.name}
        if overlay:
            drawn = self.overlay()
            suffix = ".jpg" if max(drawn.size) <= _JPEG_LIMIT else ".png"
            files["overlay"] = f"{labels.stem}_overlay{suffix}"
            with whole_file(labels.with_name(files["overlay"])) as temporary:
                drawn.save(temporary, quality=90)
        write_json(mark, {**self.to_json(), "files": files, **(facts or {})})
        return mark


def protocol_json(protocol: TestProtocol) -> dict[str, Any]:
    """A protocol as JSON would give it back, and in words."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(protocol)))
    return {**plain, "description": protocol.describe()}
