"""Metrics of the tasks beside the objects: integer counts first; every score is a function of them.

After Xiao et al., ECCV 2018, section 4.1, and the authors' evaluation (github.com/CSAILVision/unifiedparsing, eval.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from sceneparse.data.part_channels import part_channels
from sceneparse.data.sample import Sample
from sceneparse.evaluation.accumulators import Answers
from sceneparse.evaluation.metrics import ConfusionMatrix, Scores, score
from sceneparse.labels import IGNORE, PartTree, TaskLabels
from sceneparse.tasks import Task

TEXTURE_PICTURES = "texture_pictures"
"""The name of the counts of pictures by their most frequent texture."""


class TaskCounts:
    """The counts of every task beside the objects that there is a label space of; an `Accumulator`.

    Args:
        tasks: The label spaces.
    """

    def __init__(self, tasks: TaskLabels) -> None:
        self.tasks = tasks
        spaces = {task: tasks.space(task) for task in (Task.SCENE, Task.MATERIAL, Task.TEXTURE)}
        self._matrices = {task: ConfusionMatrix(len(space)) for task, space in spaces.items() if space is not None}
        self._pictures = None if tasks.textures is None else ConfusionMatrix(len(tasks.textures))
        self._parts = None if tasks.tree is None else torch.zeros(3, len(tasks.tree.channels), dtype=torch.int64)

    @property
    def counts(self) -> dict[str, Tensor]:
        """Counts by task, int64.

        The scene's are (S, S) pictures, rows truth, columns prediction; materials' and textures' (C, C) pixels; the
        parts' (3, channels) pixels of the part head's channels: rightly predicted, true, predicted. `TEXTURE_PICTURES`
        are (C, C) pictures by their most frequent texture.
        """
        counts: dict[str, Tensor] = {task: matrix.counts for task, matrix in self._matrices.items()}
        if self._pictures is not None:
            counts[TEXTURE_PICTURES] = self._pictures.counts
        return counts if self._parts is None else {**counts, Task.PART: self._parts}

    def update(self, sample: Sample, answers: Answers) -> None:
        """Add a picture; tasks that it is not labelled for stay as they are."""
        for task, matrix in self._matrices.items():
            truth, answer = getattr(sample, task.truth), answers.get(task)
            if truth is None or answer is None:
                continue
            counts = matrix.update(torch.as_tensor(truth), answer)
            if task is Task.TEXTURE and self._pictures is not None and counts.any():
                self._pictures.update(counts.sum(dim=1).argmax()[None], counts.sum(dim=0).argmax()[None])
        owners = sample.objects if sample.owners is None else sample.owners
        if self._parts is not None and sample.parts is not None and owners is not None:
            assert self.tasks.tree is not None
            truth = part_channels(owners, sample.parts, self.tasks.tree)
            self._parts += part_counts(truth, answers[Task.PART], self.tasks.tree)


def part_counts(truth: Tensor, prediction: Tensor, tree: PartTree) -> Tensor:
    """One picture's pixels of each channel of a part head: rightly predicted, true and predicted; (3, channels) int64.

    Objects without part annotation in the picture don't count, even where the prediction gives them parts. Of the
    others all predicted pixels count, also outside of the true object, so that a wrong object loses its parts. What is
    "no part" is counted too, and left out of the scores (mIoU-bg of the paper).

    Args:
        truth: (H, W) channels as of `part_channels`.
        prediction: (H, W) channels as of `predict_tasks`.
        tree: Which object can have which parts.
    """
    count = len(tree.channels)

    def pixels(labels: Tensor) -> Tensor:
        return torch.bincount(labels[labels != IGNORE].long(), minlength=count)

    true = pixels(truth)
    annotated = torch.cat([block.any().expand(len(block)) for block in true.split(list(tree.sizes))])
    return torch.stack([pixels(truth[truth == prediction]), true, torch.where(annotated, pixels(prediction), 0)])


@dataclass(frozen=True)
class PartScore:
    """The parts of one object.

    Args:
        name: The object.
        iou: Mean IoU of its parts; None where no part of it is in the truth.
        parts: Each part's name and IoU, None where it is neither in the truth nor predicted.
    """

    name: str
    iou: float | None
    parts: tuple[tuple[str, float | None], ...]


@dataclass(frozen=True)
class TaskScores:
    """The scores of the tasks beside the objects, 0..1; None where nothing is labelled.

    Args:
        scene_accuracy: Share of the pictures whose first scene is right (top-1).
        part_mean_iou: mIoU-bg: mean over the objects with a labelled part of the mean IoU of their parts.
        part_pixel_accuracy: Share of the pixels of true parts that have the right object and part.
        part_objects: Each object that can have parts.
        material: Scores over the pixels of known material.
        texture_accuracy: Share of the pictures whose most frequent texture is right (top-1), over pixels of known
            texture; where a picture has one texture, as in DTD, that is its texture.
        texture: Scores over the pixels of known texture.
    """

    scene_accuracy: float | None
    part_mean_iou: float | None
    part_pixel_accuracy: float | None
    part_objects: tuple[PartScore, ...]
    material: Scores | None
    texture_accuracy: float | None
    texture: Scores | None

    def __repr__(self) -> str:
        found = {
            "scene top-1": self.scene_accuracy,
            "part mIoU-bg": self.part_mean_iou,
            "material mean IoU": None if self.material is None else self.material.mean_iou,
            "texture top-1": self.texture_accuracy,
        }
        known = [f"{name} {100 * value:.2f}%" for name, value in found.items() if value is not None]
        return f"TaskScores({', '.join(known) or 'nothing labelled'})"

    def details(self) -> dict[Task, dict[str, list[Any]]]:
        """What metrics.json lists of each task beside its figures: its classes, or its objects with their parts."""
        objects = [
            {"name": one.name, "iou": one.iou, Task.PART.plural: [{"name": n, "iou": iou} for n, iou in one.parts]}
            for one in self.part_objects
        ]
        return {
            Task.SCENE: {},
            Task.PART: {Task.OBJECT.plural: objects},
            Task.MATERIAL: {"classes": _classes(self.material)},
            Task.TEXTURE: {"classes": _classes(self.texture)},
        }


def task_scores(counts: Mapping[str, Tensor], tasks: TaskLabels, absent: Literal["skip", "zero"]) -> TaskScores:
    """Compute the scores of the tasks from counts.

    Args:
        counts: As in `TaskCounts`.
        tasks: The label spaces.
        absent: What becomes of materials, textures and parts of an object that occur neither in truth nor in
            prediction: they are left out of the means ("skip") or count as 0 ("zero", as in the authors' evaluation).
    """
    part_iou: float | None = None
    part_accuracy: float | None = None
    objects: tuple[PartScore, ...] = ()
    if tasks.tree is not None:
        part_iou, part_accuracy, objects = _part_scores(counts[Task.PART], tasks.tree, absent)

    def matrix(name: str, names: tuple[str, ...]) -> Scores | None:
        return score(counts[name], names, absent) if counts[name].any() else None

    return TaskScores(
        scene_accuracy=_accuracy(counts.get(Task.SCENE)),
        part_mean_iou=part_iou,
        part_pixel_accuracy=part_accuracy,
        part_objects=objects,
        material=None if tasks.materials is None else matrix(Task.MATERIAL, tasks.materials.names),
        texture_accuracy=_accuracy(counts.get(TEXTURE_PICTURES)),
        texture=None if tasks.textures is None else matrix(Task.TEXTURE, tasks.textures.names),
    )


def _part_scores(
    counts: Tensor, tree: PartTree, absent: Literal["skip", "zero"]
) -> tuple[float | None, float | None, tuple[PartScore, ...]]:
    objects, hits_of_all, pixels_of_all = [], 0, 0
    for owner, block in zip(tree.owners, counts.split(list(tree.sizes), dim=1), strict=True):
        hits, true, predicted = block[:, 1:].double()  # the first is "no part"
        union = true + predicted - hits
        iou = hits / union  # NaN for 0 / 0
        mean = iou.nan_to_num(0.0).mean() if absent == "zero" else iou.nanmean()
        names = (tree.parts.names[part] for part in tree.children[owner])
        each = ((name, None if value.isnan() else float(value)) for name, value in zip(names, iou, strict=True))
        objects.append(PartScore(tree.objects.names[owner], float(mean) if true.any() else None, tuple(each)))
        hits_of_all, pixels_of_all = hits_of_all + int(hits.sum()), pixels_of_all + int(true.sum())
    if not pixels_of_all:
        return None, None, tuple(objects)
    scored = [one.iou for one in objects if one.iou is not None]
    return sum(scored) / len(scored), hits_of_all / pixels_of_all, tuple(objects)


def _accuracy(counts: Tensor | None) -> float | None:
    if counts is None or not counts.any():
        return None
    return float(counts.diagonal().sum() / counts.sum())


def _classes(scores: Scores | None) -> list[dict[str, Any]]:
    known = () if scores is None else scores.classes
    return [{"name": one.name, "iou": one.iou, "accuracy": one.accuracy} for one in known]
