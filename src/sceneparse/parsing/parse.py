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

from sceneparse.drawing.legend import LegendEntry, id_image, legend_of
from sceneparse.drawing.render import draw_overlay, draw_panels
from sceneparse.files import whole_file, write_json
from sceneparse.inference.protocol import TestProtocol
from sceneparse.labels import LabelSpace
from sceneparse.parsing.scene_tree import scene_tree
from sceneparse.parsing.task_parse import SceneEntry, TaskParse
from sceneparse.tasks import Task

_JPEG_LIMIT = 65500
"""The longest side in pixels that a JPEG can have."""


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
        told: What is told beside the objects, by a unified model.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.int16]
    confidence: NDArray[np.float32]
    space: LabelSpace
    model: str
    protocol: TestProtocol
    told: TaskParse | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.labels.shape[0], self.labels.shape[1]

    @cached_property
    def legend(self) -> tuple[LegendEntry, ...]:
        """The classes that occur, the largest share first."""
        return legend_of(self.labels, self.confidence, self.space)

    @property
    def scene(self) -> tuple[SceneEntry, ...] | None:
        """The kinds of scene, the most probable first; None where the model doesn't tell, as in the next ones."""
        return None if self.told is None else self.told.scene

    @property
    def parts(self) -> NDArray[np.int16] | None:
        """Part indices, (H, W); -1 where an object has no parts or shows none."""
        return None if self.told is None or self.told.parts is None else self.told.parts.labels

    @property
    def material(self) -> NDArray[np.int16] | None:
        """Material indices, (H, W)."""
        return None if self.told is None or self.told.material is None else self.told.material.labels

    @property
    def texture(self) -> NDArray[np.int16] | None:
        """Texture indices, (H, W)."""
        return None if self.told is None or self.told.texture is None else self.told.texture.labels

    def panels(self, opacity: float = 0.55) -> Image.Image:
        """A panel for each task that is told, side by side, each with its legend.

        Args:
            opacity: As in `overlay`.
        """
        panels: list[tuple[str, Image.Image]] = [(Task.OBJECT.truth, self.overlay(opacity))]
        if self.told is not None:
            if self.told.scene is not None:
                panels.insert(0, (Task.SCENE.truth, self.told.scene_panel(self.image)))
            for name, one in self.told.maps().items():
                panels.append((name, draw_overlay(self.image, one.labels, one.space, one.legend, opacity)))
        return draw_panels(panels)

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
        return id_image(self.labels, self.space)

    def to_json(self) -> dict[str, Any]:
        """Sizes, classes with their shares, and what made them; plain values that JSON can hold.

        Where more tasks are told there is a tree too: `scene`, and `objects` with their parts, materials and textures.
        """
        height, width = self.size
        return {
            "width": width,
            "height": height,
            "classes": [{**entry.to_json(), "pixels": entry.pixels} for entry in self.legend],
            **({} if self.told is None else scene_tree(self.labels, self.legend, self.space.names, self.told)),
            "model": self.model,
            "protocol": protocol_json(self.protocol),
        }

    def save(
        self, folder: str | Path, stem: str, *, overlay: bool = True, facts: Mapping[str, Any] | None = None
    ) -> Path:
        """Write STEM.png (`label_image`), STEM_overlay.jpg (`overlay`) and, last, STEM.json (`to_json`).

        Where more tasks are told: STEM_panels.jpg (`panels`) too, and STEM_parts.png, STEM_materials.png and
        STEM_textures.png, label maps like STEM.png.

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
        for name, one in ({} if self.told is None else self.told.maps()).items():
            files[name] = f"{labels.stem}_{name}.png"
            with whole_file(labels.with_name(files[name])) as temporary:
                id_image(one.labels, one.space).save(temporary)
        pictures = {"overlay": self.overlay, "panels": self.panels} if self.told else {"overlay": self.overlay}
        for name, draw in pictures.items() if overlay else ():
            drawn = draw()
            suffix = ".jpg" if max(drawn.size) <= _JPEG_LIMIT else ".png"
            files[name] = f"{labels.stem}_{name}{suffix}"
            with whole_file(labels.with_name(files[name])) as temporary:
                drawn.save(temporary, quality=90)
        write_json(mark, {**self.to_json(), "files": files, **(facts or {})})
        return mark


def protocol_json(protocol: TestProtocol) -> dict[str, Any]:
    """A protocol as JSON would give it back, and in words."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(protocol)))
    return {**plain, "description": protocol.describe()}
