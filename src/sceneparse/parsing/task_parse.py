"""The parse of the tasks beside the objects, by a unified model: scene, parts, materials and textures."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneparse.arguments import check_array, check_type
from sceneparse.drawing.legend import LegendEntry, legend_of
from sceneparse.drawing.render import draw_overlay
from sceneparse.errors import counted, require, some
from sceneparse.inference.scoring import Prediction
from sceneparse.inference.tasks import TaskPrediction
from sceneparse.labels import IGNORE, Color, LabelSpace, PartTree, TaskLabels
from sceneparse.settings.legend import LegendLayout
from sceneparse.tasks import Task

SHOWN_SCENES = 5
"""So many kinds of scene are named, the most probable ones."""


ROUNDING = 1e-3
"""So far beyond 0 and 1 may a probability lie that was computed in few bits."""


@dataclass(frozen=True)
class SceneEntry:
    """A kind of scene.

    Args:
        name: Its name.
        color: Its colour in legends.
        probability: How probable it is, 0..1.
    """

    name: str
    color: Color
    probability: float

    @property
    def share(self) -> float:
        """What a legend shows beside the name."""
        return self.probability


@dataclass(frozen=True, eq=False)
class TaskMap:
    """A label map of one task.

    Args:
        labels: Class indices, (H, W) int16; -1 where there is none.
        confidence: Probability of the pixel's class, (H, W) float32, 0..1.
        space: The classes.

    Raises:
        UserError: Arrays of another type or shape, labels that are no class, or confidences that are no probability.
    """

    labels: NDArray[np.int16]
    confidence: NDArray[np.float32]
    space: LabelSpace

    def __post_init__(self) -> None:
        check_map(self.labels, self.confidence, self.space)

    @cached_property
    def legend(self) -> tuple[LegendEntry, ...]:
        """The classes that occur, the largest share first."""
        return legend_of(self.labels, self.confidence, self.space)

    def __repr__(self) -> str:
        height, width = self.labels.shape
        names = some([entry.name for entry in self.legend])
        return f"TaskMap({width}×{height}, {len(self.legend)} of {len(self.space)} classes: {names})"

    def without(self, pixels: NDArray[np.bool_]) -> "TaskMap":
        """Return the map with no class (-1) at these pixels."""
        return replace(self, labels=np.where(pixels, np.int16(IGNORE), self.labels))


@dataclass(frozen=True, eq=False)
class TaskParse:
    """The parse of the tasks beside the objects; None for tasks that were not asked for.

    Args:
        scene: All kinds of scene, the most probable first.
        parts: Parts, only inside of objects that have them.
        material: Materials.
        texture: Textures.
        tree: Which object can have which parts.
    """

    scene: tuple[SceneEntry, ...] | None
    parts: TaskMap | None
    material: TaskMap | None
    texture: TaskMap | None
    tree: PartTree | None

    @classmethod
    def of(cls, prediction: TaskPrediction, tasks: TaskLabels) -> "TaskParse":
        """Make a parse of a prediction."""
        scene = None
        if tasks.scenes is not None and prediction.scene is not None:
            space = tasks.scenes
            order = prediction.scene.argsort(descending=True, stable=True).tolist()
            probabilities = prediction.scene.tolist()
            scene = tuple(SceneEntry(space.names[index], space.colors[index], probabilities[index]) for index in order)
        parts = None
        if tasks.tree is not None and prediction.parts is not None:
            # The entry after the last channel is the one that index -1 picks.
            part_of = np.array([part for _, part in tasks.tree.channels] + [IGNORE], dtype=np.int16)
            labels, confidence = prediction.parts.labels.numpy(), prediction.parts.confidence.numpy()
            parts = TaskMap(part_of[labels], confidence, tasks.tree.parts)
        material = _map(prediction.materials, tasks.materials)
        return cls(scene, parts, material, _map(prediction.textures, tasks.textures), tasks.tree)

    @property
    def tasks(self) -> frozenset[Task]:
        """The tasks that it has."""
        found = {
            Task.SCENE: self.scene,
            Task.PART: self.parts,
            Task.MATERIAL: self.material,
            Task.TEXTURE: self.texture,
        }
        return frozenset(task for task, one in found.items() if one is not None)

    def by_task(self) -> dict[Task, TaskMap]:
        """Return the label maps by task."""
        maps = {Task.PART: self.parts, Task.MATERIAL: self.material, Task.TEXTURE: self.texture}
        return {task: one for task, one in maps.items() if one is not None}

    def maps(self) -> dict[str, TaskMap]:
        """Return the label maps by name."""
        return {task.plural: one for task, one in self.by_task().items()}

    def describe(self) -> str:
        """Describe in a line what was found: the most probable scene, and of each task how many classes occur."""
        scene = [f"scene {self.scene[0].name} {self.scene[0].probability:.1%}"] if self.scene else []
        maps = [counted(len(one.legend), task.value, task.plural) for task, one in self.by_task().items()]
        return ", ".join([*scene, *maps])

    def __repr__(self) -> str:
        return f"TaskParse({self.describe()})"

    def ignoring_below(self, confidence: float, objects: NDArray[np.int16]) -> "TaskParse":
        """Return the parse without what is less sure; see `Parse.ignoring_below`.

        Args:
            confidence: The least probability.
            objects: (H, W) object indices; where there is none, there is no part.
        """
        return replace(
            self,
            parts=self.parts and self.parts.without((self.parts.confidence < confidence) | (objects == IGNORE)),
            material=self.material and self.material.without(self.material.confidence < confidence),
            texture=self.texture and self.texture.without(self.texture.confidence < confidence),
        )

    def without(self, pixels: NDArray[np.bool_]) -> "TaskParse":
        """Return the parse with no class of any map at these pixels, (H, W)."""
        return replace(
            self,
            parts=self.parts and self.parts.without(pixels),
            material=self.material and self.material.without(pixels),
            texture=self.texture and self.texture.without(pixels),
        )

    def scene_panel(self, image: NDArray[np.uint8], layout: LegendLayout = "auto") -> Image.Image:
        """Draw the picture with its most probable kinds of scene under it or beside it.

        Args:
            image: (H, W, 3) uint8.
            layout: Where they are; see `draw_overlay`.
        """
        assert self.scene is not None
        space = LabelSpace(tuple(entry.name for entry in self.scene))
        nothing = np.full(image.shape[:2], IGNORE, np.int16)
        return draw_overlay(image, nothing, space, self.scene[:SHOWN_SCENES], 0.0, layout)


def _map(prediction: Prediction | None, space: LabelSpace | None) -> TaskMap | None:
    if prediction is None or space is None:
        return None
    return TaskMap(prediction.labels.numpy(), prediction.confidence.numpy(), space)


def check_map(labels: NDArray[np.int16], confidence: NDArray[np.float32], space: LabelSpace) -> None:
    """Refuse what is no label map with its confidence.

    Every picture's parse comes by here: the least and the largest value are half a millisecond for a million pixels.

    Args:
        labels: The label map.
        confidence: Its confidence.
        space: Its classes.

    Raises:
        UserError: Arrays of another type or shape, labels that are no class, or confidences that are no probability.
    """
    check_type("space", space, LabelSpace, "a LabelSpace")
    check_array("labels", labels, "int16", ("H", "W"))
    check_array("confidence", confidence, "float32", labels.shape)
    least, most = int(labels.min()), int(labels.max())
    require(
        least >= IGNORE and most < len(space),
        f"labels has values from {least} to {most}, but must have indices of "
        f"{counted(len(space), 'class', 'classes')}, 0 to {len(space) - 1}, or {IGNORE} where there is none",
    )
    low, high = float(confidence.min()), float(confidence.max())
    require(  # which no comparison of NaN fulfils
        low >= -ROUNDING and high <= 1 + ROUNDING,
        f"confidence has values from {low:g} to {high:g}, but must have probabilities, 0 to 1",
    )
