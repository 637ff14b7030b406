"""What a picture shows, as a tree: the scene, its objects, and in each object its parts, materials and textures.

So "a window of glass in a brick house on a street" can be read off it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneparse.drawing.legend import LegendEntry
from sceneparse.parsing.cooccurrence import cooccurrence
from sceneparse.parsing.task_parse import SHOWN_SCENES, TaskMap, TaskParse
from sceneparse.tasks import Task

LEAST = 0.01
"""What covers less of an object, or of a part, is left out of the tree."""

Shares = list[dict[str, Any]]


def scene_tree(
    labels: NDArray[np.int16], legend: Sequence[LegendEntry], names: Sequence[str], task_parse: TaskParse
) -> dict[str, Any]:
    """Return the tree as plain values that JSON can hold.

    Args:
        labels: (H, W) object indices.
        legend: The objects that occur.
        names: All objects.
        task_parse: The parse of the other tasks.

    Returns:
        "scene": the most probable kinds of scene, with their probabilities. "objects": name, share of the picture and
        confidence of each, and what was found inside of it: "parts" (each with its own "materials"), "materials" and
        "textures", each with its share of the object (or the part), the largest first.
    """
    tree: dict[str, Any] = {}
    if task_parse.scene is not None:
        tree[Task.SCENE.truth] = [
            {"name": entry.name, "probability": round(entry.probability, 4)}
            for entry in task_parse.scene[:SHOWN_SCENES]
        ]
    inside = {name: _inside(labels, len(names), one) for name, one in task_parse.maps().items()}
    if task_parse.parts is not None and task_parse.material is not None and task_parse.tree is not None:
        channels = task_parse.tree.table[labels, task_parse.parts.labels]
        materials = _inside(channels, len(task_parse.tree.channels), task_parse.material)
        for owner, offset in zip(task_parse.tree.owners, task_parse.tree.offsets, strict=True):
            slot = {
                task_parse.tree.parts.names[part]: offset + 1 + n
                for n, part in enumerate(task_parse.tree.children[owner])
            }
            for part in inside[Task.PART.truth][owner]:
                part[Task.MATERIAL.truth] = materials[slot[part["name"]]]
    index_of = {name: index for index, name in enumerate(names)}
    tree[Task.OBJECT.truth] = [
        {
            "name": entry.name,
            "share": round(entry.share, 6),
            "confidence": round(entry.confidence, 4),
            **{task: found[index_of[entry.name]] for task, found in inside.items()},
        }
        for entry in legend
    ]
    return tree


def _inside(regions: NDArray[np.int16], count: int, task: TaskMap) -> list[Shares]:
    """For each region, the classes of a task inside of it, with shares of the region and confidences."""
    shape = (count, len(task.space))
    pixels = cooccurrence(regions, task.labels, shape)
    sure = cooccurrence(regions, task.labels, shape, task.confidence)
    sizes = np.maximum(cooccurrence(regions, np.zeros_like(regions), (count, 1)), 1)
    shares = pixels / sizes
    return [
        [
            {
                "name": task.space.names[index],
                "share": round(float(shares[region, index]), 4),
                "confidence": round(float(sure[region, index] / pixels[region, index]), 4),
            }
            for index in np.argsort(-shares[region], kind="stable")
            if shares[region, index] >= LEAST
        ]
        for region in range(count)
    ]
