"""The parse of a picture: a class for each pixel, its probability, and what can be made of both."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneparse.drawing.legend import LegendEntry, id_image, legend_of
from sceneparse.drawing.render import draw_overlay, draw_panels
from sceneparse.errors import require
from sceneparse.files import write_json
from sceneparse.inference.protocol import TestProtocol
from sceneparse.labels import IGNORE, LabelSpace
from sceneparse.parsing.artefacts.choice import default_artefacts
from sceneparse.parsing.artefacts.table import ARTEFACTS
from sceneparse.parsing.scene_tree import scene_tree
from sceneparse.parsing.task_parse import SceneEntry, TaskParse
from sceneparse.tasks import Task


@dataclass(frozen=True, eq=False)
class Parse:
    """A parsed picture.

    Args:
        pixels: The picture, uint8 RGB, upright: (H, W, 3), or fewer rows and columns of a picture that was read with no
            more than the network needed.
        labels: Class indices, (H, W) int16; -1 where there is none.
        confidence: Probability of the pixel's class, (H, W) float32, 0..1.
        space: The classes.
        model: Name of the model.
        protocol: How the picture was tested.
        task_parse: The parse of the other tasks, by a unified model.
        doubt: Why the answer may be worse than the model's figures, in a sentence; None where nothing speaks for it.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int16]
    confidence: NDArray[np.float32]
    space: LabelSpace
    model: str
    protocol: TestProtocol
    task_parse: TaskParse | None = None
    doubt: str | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.labels.shape[0], self.labels.shape[1]

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """The picture, (H, W, 3) uint8 RGB, upright; enlarged where it was read with fewer pixels."""
        height, width = self.size
        if self.pixels.shape[:2] == (height, width):
            return self.pixels
        return np.asarray(Image.fromarray(self.pixels).resize((width, height), Image.Resampling.BILINEAR))

    @property
    def tested_size(self) -> tuple[int, int]:
        """Height and width at which the network saw the picture (of several scales, at the one next to 1)."""
        return self.protocol.tested_size(self.size)

    @cached_property
    def legend(self) -> tuple[LegendEntry, ...]:
        """The classes that occur, the largest share first."""
        return legend_of(self.labels, self.confidence, self.space)

    def ignoring_below(self, confidence: float) -> "Parse":
        """Return the parse without the pixels that are less sure: they have no class (-1), as nobody had labelled them.

        Of a unified model's other label maps, pixels go by their own confidence; parts go with their object, too.

        Args:
            confidence: The least probability of a class that counts, above 0 and at most 1.

        Raises:
            UserError: Another number.
        """
        check_threshold(confidence)
        labels = np.where(self.confidence < confidence, np.int16(IGNORE), self.labels)
        others = self.task_parse and self.task_parse.ignoring_below(confidence, labels)
        return dataclasses.replace(self, labels=labels, task_parse=others)

    @property
    def scene(self) -> tuple[SceneEntry, ...] | None:
        """The kinds of scene, the most probable first; None if the model does not name scenes."""
        return None if self.task_parse is None else self.task_parse.scene

    @property
    def parts(self) -> NDArray[np.int16] | None:
        """Part indices, (H, W); -1 where an object has no parts or shows none. None if the model has no parts."""
        return None if self.task_parse is None or self.task_parse.parts is None else self.task_parse.parts.labels

    @property
    def material(self) -> NDArray[np.int16] | None:
        """Material indices, (H, W); None if the model has no materials."""
        return None if self.task_parse is None or self.task_parse.material is None else self.task_parse.material.labels

    @property
    def texture(self) -> NDArray[np.int16] | None:
        """Texture indices, (H, W); None if the model has no textures."""
        return None if self.task_parse is None or self.task_parse.texture is None else self.task_parse.texture.labels

    def panels(self, opacity: float = 0.55) -> Image.Image:
        """Draw a panel for each task, side by side, each with its legend.

        Args:
            opacity: As in `overlay`.
        """
        panels: list[tuple[str, Image.Image]] = [(Task.OBJECT.truth, self.overlay(opacity))]
        if self.task_parse is not None:
            if self.task_parse.scene is not None:
                panels.insert(0, (Task.SCENE.truth, self.task_parse.scene_panel(self.image)))
            for name, one in self.task_parse.maps().items():
                panels.append((name, draw_overlay(self.image, one.labels, one.space, one.legend, opacity)))
        return draw_panels(panels)

    def overlay(self, opacity: float = 0.55, legend: bool = True) -> Image.Image:
        """Draw the picture under the colours of its classes, regions outlined.

        Args:
            opacity: How much of the colours is seen, 0 (none) to 1 (nothing else).
            legend: Add a panel that names the classes, beside an upright picture, under any other. Pictures whose long
                side is below 320 pixels are then shown enlarged by a whole number, so that the names fit.
        """
        return draw_overlay(self.image, self.labels, self.space, self.legend if legend else None, opacity)

    def label_image(self) -> Image.Image:
        """Return the label map as a picture whose pixel values are the label space's ids.

        An 8-bit palette picture in the classes' colours, or 16-bit grey where an id is above 255. Pixels without a
        class have the label space's first ignored value, or the largest that is no class.
        """
        return id_image(self.labels, self.space)

    def to_json(self) -> dict[str, Any]:
        """Return sizes, classes with their shares, and what made them, as plain values that JSON can hold.

        A unified model's parse has a tree too: `scene`, and `objects` with their parts, materials and textures. Pixels
        without a class are counted as `unlabelled`, with the value that label images have there.
        """
        height, width = self.size
        unlabelled = height * width - sum(entry.pixels for entry in self.legend)
        tested = self.tested_size
        return {
            "width": width,
            "height": height,
            "tested": {"width": tested[1], "height": tested[0]},
            **({} if self.doubt is None else {"doubt": self.doubt}),
            "classes": [{**entry.to_json(), "pixels": entry.pixels} for entry in self.legend],
            **({"unlabelled": {"value": self.space.unlabelled, "pixels": unlabelled}} if unlabelled else {}),
            **(
                {}
                if self.task_parse is None
                else scene_tree(self.labels, self.legend, self.space.names, self.task_parse)
            ),
            "model": self.model,
            "protocol": protocol_json(self.protocol),
        }

    def save(
        self,
        folder: str | Path,
        stem: str,
        *,
        overlay: bool = True,
        facts: Mapping[str, Any] | None = None,
        write: Sequence[str] | None = None,
    ) -> Path:
        """Write the parse as files: the label map STEM.png, STEM_overlay.jpg and, last, STEM.json.

        A unified model's parse gives STEM_panels.jpg too, and the label maps STEM_parts.png, STEM_materials.png and
        STEM_textures.png. Each file is whole or absent, and when the JSON is there, so are the others. The overlay is a
        PNG where it is too long for a JPEG.

        Args:
            folder: Where to; made if it isn't there.
            stem: The files' name; may hold "/" for folders below.
            overlay: Whether to write the overlay and the panels.
            facts: What else the JSON shall say.
            write: Names of the artefacts to write instead, as `picture_artefacts` gives them.

        Returns:
            The JSON file.
        """
        if write is None:
            tasks = frozenset() if self.task_parse is None else self.task_parse.tasks
            write = default_artefacts(tasks, overlay=overlay)
        record = Path(folder) / f"{stem}.json"
        # What was there before belongs to another parse: without its JSON nobody takes it for a whole one.
        record.unlink(missing_ok=True)
        files = {name: ARTEFACTS[name].write(self, Path(folder), stem) for name in write}
        write_json(record, {**self.to_json(), "files": files, **(facts or {})})
        return record


def check_threshold(confidence: float) -> None:
    """Refuse a least confidence that is none.

    Raises:
        UserError: It is not above 0 and at most 1.
    """
    require(
        0 < confidence <= 1,
        f"--ignore-below is {confidence:g}, but must be a probability above 0 and at most 1, such as 0.9",
    )


def protocol_json(protocol: TestProtocol) -> dict[str, Any]:
    """Return a protocol as JSON would give it back, with its description."""
    return {**protocol.to_json(), "description": protocol.describe()}
