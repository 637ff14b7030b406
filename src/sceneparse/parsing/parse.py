"""The parse of a picture: a class for each pixel, its probability, and what can be made of both."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneparse.arguments import check_array, check_choice, check_flag, check_number, check_probability
from sceneparse.calls import methods_by_name
from sceneparse.drawing.legend import LegendEntry, id_image
from sceneparse.drawing.render import draw_overlay
from sceneparse.errors import UserError, require
from sceneparse.inference.protocol import TestProtocol
from sceneparse.labels import IGNORE, LabelSpace
from sceneparse.parsing.artefacts.choice import picture_artefacts
from sceneparse.parsing.artefacts.placing import place_of
from sceneparse.parsing.asking import mask_of, polygons_of
from sceneparse.parsing.facts import checked_facts
from sceneparse.parsing.notebook import html_of, percent, png_of
from sceneparse.parsing.panels import panels_of
from sceneparse.parsing.probabilities import Probabilities, Source
from sceneparse.parsing.remarks import Remark, doubts_of
from sceneparse.parsing.saving import save_parse
from sceneparse.parsing.scene_tree import scene_tree
from sceneparse.parsing.task_parse import SceneEntry, TaskMap, TaskParse, check_map
from sceneparse.pictures.outlines import Region
from sceneparse.settings.legend import LegendLayout
from sceneparse.tasks import MAPS, Task

MapName = Literal["object", "part", "material", "texture"]
"""The tasks that have a label map."""


@methods_by_name("parse")
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
        remarks: What is to be said of how the picture was read.
        unturned: The file's own orientation, 1..8, where it was not applied (EXIF's numbers; 1 is upright).
        legend_layout: Where drawings have their legend: auto (beside an upright picture, below any other), below, none.
        source: What it came from, for `probabilities`; None for a parse that was put together, or has been pickled.

    Raises:
        UserError: Arrays of another type or shape, labels that are no class, or confidences that are no probability.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int16]
    confidence: NDArray[np.float32]
    space: LabelSpace
    model: str
    protocol: TestProtocol
    task_parse: TaskParse | None = None
    doubt: str | None = None
    remarks: tuple[Remark, ...] = field(default=(), kw_only=True)
    unturned: int = field(default=1, kw_only=True)
    legend_layout: LegendLayout = field(default="auto", kw_only=True)
    source: Source | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_choice("legend_layout", self.legend_layout, get_args(LegendLayout))
        check_array("pixels", self.pixels, "uint8", ("h", "w", 3))
        check_map(self.labels, self.confidence, self.space)

    def __repr__(self) -> str:
        (height, width), known = self.size, len(self.space)
        most = ", ".join(f"{entry.name} {percent(entry.share)}" for entry in self.legend[:NAMED])
        most += ", …" if len(self.legend) > NAMED else ""
        others = "" if self.task_parse is None else f"; {self.task_parse.describe()}"
        return f"Parse({width}×{height}, {len(self.legend)} of {known} classes{': ' if most else ''}{most}{others})"

    def _repr_html_(self) -> str:
        return html_of(self)

    def _repr_png_(self) -> bytes:
        return png_of(self)

    def __getstate__(self) -> dict[str, Any]:
        # A model doesn't travel along with each of its parses.
        return {**self.__dict__, "source": None}

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
    def _maps(self) -> dict[str, TaskMap]:
        """The label maps by task."""
        others = {} if self.task_parse is None else self.task_parse.by_task()
        own = TaskMap(self.labels, self.confidence, self.space)
        return {task.value: one for task, one in {Task.OBJECT: own, **others}.items()}

    @property
    def legend(self) -> tuple[LegendEntry, ...]:
        """The classes that occur, the largest share first."""
        return self._maps[Task.OBJECT].legend

    def task_map(self, task: MapName = "object") -> TaskMap:
        """Return the label map of a task, with its confidence, its classes and its legend.

        Args:
            task: object, or of a unified model part, material or texture.

        Raises:
            UserError: The model has no such label map.
        """
        maps = self._maps
        require(str(task) != Task.SCENE, "task 'scene' has no label map: the kinds of scene are in parse.scene")
        check_choice("task", task, [one.value for one in MAPS])
        require(task in maps, f"model '{self.model}' has no task '{task}' in this parse; it has {', '.join(maps)}")
        return maps[task]

    def mask(self, name: str | int, task: MapName = "object") -> NDArray[np.bool_]:
        """Return where a class is, as (H, W) booleans; all are False where the picture has none of it.

        Args:
            name: The class's name, whose case counts only where two names differ in nothing else; or its index.
            task: As in `task_map`: `parse.mask("brick", task="material")`.

        Raises:
            UserError: The model knows no such class (the nearest names are named), or has no such label map.
        """
        self.task_map(task)
        return mask_of(self._maps, task, name)

    def share(self, name: str | int, task: MapName = "object") -> float:
        """Return a class's share of the picture, 0 to 1; 0 where the picture has none of it.

        Args:
            name: As in `mask`, like the task and the errors.
            task: …
        """
        return float(self.mask(name, task).mean())

    def probabilities(self, k: int = 3, task: MapName = "object") -> Probabilities:
        """Return the k most probable classes of every pixel and their probabilities, the most probable first.

        They are computed when asked for: the network parses the picture once more, and its scores come in bands of
        rows, so that of 150 classes no more than k are held (under a protocol with a CRF all are, as its labels need
        them). The first one's probability is `confidence` but for rounding, unless a model of two classes decides by a
        threshold of its own. Of parts, those of a pixel's object compete, "no part" (-1) among them. What
        `ignoring_below` left out has its probabilities all the same.

            classes, probabilities = parse.probabilities(k=3)

        Args:
            k: How many classes, at most as many as the task has.
            task: As in `task_map`.

        Returns:
            `classes`, (k, H, W) int16, and `probabilities`, (k, H, W) float32.

        Raises:
            UserError: Another number, no such label map, or a parse that doesn't know its model: one that was put
                together from arrays, or was pickled or copied.
        """
        one = self.task_map(task)
        check_number("k", k, least=1, most=len(one.space), whole=True)
        if self.source is None:
            raise UserError("this parse does not know its model any more: parse the picture again for probabilities")
        return self.source.probabilities(self.pixels, self.size, self.protocol, Task(task), int(k))

    def polygons(self, task: MapName = "object") -> dict[str, list[Region]]:
        """Return the regions of each class that occurs, as polygons with holes along the edges of pixels.

        They are what GeoJSON and the annotation forms are made of: exact, in whole pixels, x to the right, y
        downwards, (0, 0) the upper left corner of the picture. `region.exterior` is (N, 2) corners, `region.holes` more
        of them, `region.pixels` its area.

        Args:
            task: As in `task_map`.

        Returns:
            The regions by the class's name, the class with the largest share first; regions by their first pixel.

        Raises:
            UserError: The model has no such label map.
        """
        return polygons_of(self.task_map(task))

    def ignoring_below(self, confidence: float) -> "Parse":
        """Return the parse without the pixels that are less sure: they have no class (-1), as nobody had labelled them.

        Of a unified model's other label maps, pixels go by their own confidence; parts go with their object, too.

        Args:
            confidence: The least probability of a class that counts, above 0 and at most 1.

        Raises:
            UserError: Another number.
        """
        check_probability("confidence", confidence)
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

        Raises:
            UserError: Another opacity.
        """
        check_number("opacity", opacity, least=0, most=1)
        return panels_of(self, opacity)

    def overlay(self, opacity: float = 0.55, legend: bool = True) -> Image.Image:
        """Draw the picture under the colours of its classes, regions outlined.

        Args:
            opacity: How much of the colours is seen, 0 (none) to 1 (nothing else).
            legend: Add a panel that names the classes, beside an upright picture, under any other, unless
                `legend_layout` says otherwise. Pictures whose long side is below 320 pixels are then shown enlarged by
                a whole number, so that the names fit.

        Raises:
            UserError: Another opacity.
        """
        check_number("opacity", opacity, least=0, most=1)
        check_flag("legend", legend)
        entries = self.legend if legend else None
        return draw_overlay(self.image, self.labels, self.space, entries, opacity, self.legend_layout)

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
        (height, width), tested, others = self.size, self.tested_size, self.task_parse
        unlabelled = height * width - sum(entry.pixels for entry in self.legend)
        return {
            "width": width,
            "height": height,
            "tested": {"width": tested[1], "height": tested[0]},
            **({"unturned": self.unturned} if self.unturned > 1 else {}),
            **({"doubt": "; ".join(doubts)} if (doubts := doubts_of(self.doubt, self.remarks).values()) else {}),
            "classes": [{**entry.to_json(), "pixels": entry.pixels} for entry in self.legend],
            **({"unlabelled": {"value": self.space.unlabelled, "pixels": unlabelled}} if unlabelled else {}),
            **({} if others is None else scene_tree(self.labels, self.legend, self.space.names, others)),
            "model": self.model,
            "protocol": self.protocol.described(),
        }

    def save(
        self,
        folder: str | Path,
        stem: str | None = None,
        *,
        overlay: bool = True,
        facts: Mapping[str, Any] | None = None,
        write: Sequence[str] | None = None,
        replace: bool = False,
    ) -> Path:
        """Write the parse as files: the label map STEM.png, STEM_overlay.jpg and, last, STEM.json.

        A unified model's parse gives STEM_panels.jpg too, and the label maps STEM_parts.png, STEM_materials.png and
        STEM_textures.png. Each file is whole or absent, and when the JSON is there, so are the others. The overlay is a
        PNG where it is too long for a JPEG. An earlier parse of that name goes.

        Args:
            folder: Where to; made if it isn't there. Without a stem its last part is that: `save("parsed/street")`.
            stem: The files' name, without a suffix; may hold "/" for folders below.
            overlay: Whether to write the overlay and the panels.
            facts: What else the JSON shall say, under keys that it doesn't have by itself.
            write: Names of the artefacts to write instead, as `picture_artefacts` gives them.
            replace: Whether files may be replaced that no parse of that name wrote, such as a picture's mask.

        Returns:
            The JSON file.

        Raises:
            UserError: Artefacts that there are not, a folder or a stem that is none, facts that JSON cannot hold, or
                files in the way that no parse wrote.
        """
        folder, stem = place_of(folder, stem)
        check_flag("overlay", overlay)
        check_flag("replace", replace)
        facts = checked_facts(facts, described := self.to_json())
        tasks = frozenset() if self.task_parse is None else self.task_parse.tasks
        write = picture_artefacts(tasks, write, overlay=overlay, model=self.model)
        return save_parse(self, folder, stem, write, {**described, **facts}, replace=replace)


NAMED = 3
"""So many classes are named where a parse is shown in a line."""
