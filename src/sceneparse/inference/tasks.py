"""Predict all tasks of a picture under a protocol; the network runs once for all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import torch
from torch import Tensor

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.inference.engine import Engine, TaskEngine
from sceneparse.inference.later import Later, done, then
from sceneparse.inference.mirroring import reordered
from sceneparse.inference.part_winners import part_winners
from sceneparse.inference.protocol import TestProtocol
from sceneparse.inference.rows import MapRows, Rows
from sceneparse.inference.scoring import Prediction, arrived, bands, winners
from sceneparse.inference.tempering import temperatures_of, tempered
from sceneparse.inference.views import at_scale, batch_scales, every_scale, gives_one_map, one_map_each
from sceneparse.inference.winners import winners_by_kernels, winners_of
from sceneparse.labels import IGNORE, TaskLabels
from sceneparse.networks import resize
from sceneparse.networks.exact.kernels.usable import usable
from sceneparse.networks.exact.reading import Arriving
from sceneparse.tasks import MAPS, Task


@dataclass(frozen=True)
class TaskPrediction:
    """A model's prediction for a picture, task by task.

    Args:
        objects: Classes of the objects.
        scene: (scenes,) float32 probabilities of the whole picture, averaged over all that the protocol looks at.
        parts: Channels of the part head (see `PartTree.channels`): in each pixel the most probable part of the object
            that was found there, "no part" included; `IGNORE`, of confidence 0, in objects without parts.
        materials: Classes of the materials.
        textures: Classes of the textures.
    """

    objects: Prediction
    scene: Tensor | None
    parts: Prediction | None
    materials: Prediction | None
    textures: Prediction | None

    def __repr__(self) -> str:
        height, width = self.objects.labels.shape
        return f"TaskPrediction({width}×{height}; {', '.join(self.answers())})"

    def answers(self) -> dict[Task, Tensor]:
        """The class of every pixel by task, and the scene's (), of the tasks that the model has."""
        found: dict[Task, Tensor] = {task: one.labels for task in MAPS if (one := self.map(task)) is not None}
        return found if self.scene is None else {**found, Task.SCENE: self.scene.argmax()}

    def map(self, task: Task) -> Prediction | None:
        """The classes of a task of `MAPS`."""
        found: Prediction | None = getattr(self, task.truth)
        return found


@torch.no_grad()
def predict_tasks(
    engine: Engine, image: Tensor, protocol: TestProtocol, tasks: TaskLabels, size: tuple[int, int] | None = None
) -> TaskPrediction:
    """Return the most probable classes of every task at every pixel, at the picture's own size.

    Works through bands of rows, as `predict` does.

    Args:
        engine: What gives scores.
        image: (C, H, W) uint8.
        protocol: How the picture is tested; the scene's probabilities are always averaged as probabilities.
        tasks: The tasks that are wanted; the network must have a head for each.
        size: As in `predict`.

    Raises:
        UserError: The engine's network has one task, or the protocol has a CRF.
    """
    return begin_tasks(engine, image[None], protocol, tasks, size)[0]()


@torch.no_grad()
def predict_tasks_batch(
    engine: Engine, images: Tensor, protocol: TestProtocol, tasks: TaskLabels, size: tuple[int, int] | None = None
) -> list[TaskPrediction]:
    """Compute `predict_tasks` for several pictures of one size, which the engine scores at once; see `predict_batch`.

    Args:
        engine: What gives scores.
        images: (N, C, H, W) uint8.
        protocol: As in `predict_tasks`.
        tasks: As in `predict_tasks`.
        size: As in `predict`, of all of them.

    Raises:
        UserError: As `predict_tasks`.
    """
    return [later() for later in begin_tasks(engine, images, protocol, tasks, size)]


@torch.no_grad()
def begin_tasks(
    engine: Engine, images: Tensor, protocol: TestProtocol, tasks: TaskLabels, size: tuple[int, int] | None = None
) -> list[Later[TaskPrediction]]:
    """Begin `predict_tasks_batch`: where one map of scores decides, a CUDA device is waited for with parts alone.

    Args:
        engine: What gives scores.
        images: (N, C, H, W) uint8.
        protocol: As in `predict_tasks`.
        tasks: As in `predict_tasks`.
        size: As in `predict`, of all of them.

    Returns:
        What gives each picture's prediction, in their order.

    Raises:
        UserError: As `predict_tasks`.
    """
    refuse_crf(protocol)
    if protocol.window is not None and len(images) > 1:
        return [one for image in images for one in begin_tasks(engine, image[None], protocol, tasks, size)]
    heads = StackedHeads(task_engine(engine), tasks)
    own = size or (images.shape[-2], images.shape[-1])
    if gives_one_map(protocol):
        maps = _maps_of(heads, images, protocol, own)
        each = ({task: one[index] for task, one in maps.items()} for index in range(len(images)))
        predicted = [_begun_of_map(heads, scores, own, protocol, tasks) for scores in each]
    elif len(images) == 1:
        source = every_scale(heads, images[0], protocol, heads.groups, own)
        predicted = [done(_without_scene(heads, source, own, protocol, tasks))]
    else:
        rows = batch_scales(heads, images, protocol, heads.groups, own)
        predicted = [done(_without_scene(heads, source, own, protocol, tasks)) for source in rows]
    if tasks.scenes is None:
        return predicted
    # Windows of one picture are scored some at a time.
    one = len(images) == 1
    averaged = torch.cat(heads.scenes).mean(dim=0)[None] if one else torch.stack(heads.scenes).mean(dim=0)
    scenes = Arriving(heads.scene_of(averaged))
    return [then(later, partial(_with_scene, scenes, index)) for index, later in enumerate(predicted)]


def _with_scene(scenes: Arriving, index: int, predicted: TaskPrediction) -> TaskPrediction:
    return replace(predicted, scene=scenes.values()[index])


def refuse_crf(protocol: TestProtocol) -> None:
    """Refuse a protocol with a CRF, which knows of one label map alone, for several tasks.

    Raises:
        UserError: It has one.
    """
    if protocol.crf:
        raise UserError(
            "protocol.crf is not for models of several tasks: leave it out "
            f"({argument('protocol.crf', option='--crf')})"
        )


def task_engine(engine: Engine) -> TaskEngine:
    """The engine, if it may give more than the objects: all do but those that change another's scores."""
    if not hasattr(engine, "heads"):
        raise UserError(f"engine {engine.name} predicts the objects alone")
    return cast(TaskEngine, engine)


def _maps_of(heads: "StackedHeads", images: Tensor, protocol: TestProtocol, own: tuple[int, int]) -> dict[Task, Tensor]:
    """The one map of logits (N, classes, h, w) of each task that decides."""
    if protocol.flip:
        return heads.by_task(one_map_each(heads, images, protocol, own), dim=1)
    return heads.apart(at_scale(images, protocol, protocol.scales[0], own))


def _begun_of_map(
    heads: "StackedHeads", maps: Mapping[Task, Tensor], size: tuple[int, int], protocol: TestProtocol, tasks: TaskLabels
) -> Later[TaskPrediction]:
    """Everything but the scene, from the one map of each task's logits; of parts, those of objects that are there."""
    objects = maps[Task.OBJECT]
    kernels = usable(objects, size)
    if objects.device.type != "cpu" and not kernels:
        logits = torch.cat(list(maps.values()))
        rows = MapRows([logits], size, heads.align_corners, protocol.average == "probabilities", heads.groups)
        return done(_without_scene(heads, rows, size, protocol, tasks))
    found: dict[Task, Later[Prediction]] = {}
    for task, own in maps.items():
        if task is Task.PART:
            continue
        given = size, heads.align_corners, heads.temperatures.of(task)
        if kernels:
            found[task] = partial(arrived, *winners_by_kernels(own[None], *given), 0)
        else:
            found[task] = done(Prediction(*winners_of(own, *given)))
    if tasks.tree is not None:
        found[Task.PART] = done(_parts_of_map(heads, maps[Task.PART], found[Task.OBJECT]().labels, tasks, kernels))
    return lambda: _task_prediction({task: one() for task, one in found.items()})


def _parts_of_map(
    heads: "StackedHeads", logits: Tensor, objects: Tensor, tasks: TaskLabels, in_bands: bool
) -> Prediction:
    """The channel of the best part of each pixel's object, and its probability among this object's.

    In bands they are computed where the logits are, else on the CPU at each object's pixels alone.
    """
    assert tasks.tree is not None
    height, width = objects.shape
    if not in_bands:
        temperature = heads.temperatures.of(Task.PART)
        return Prediction(*part_winners(logits, objects, tasks.tree, heads.align_corners, temperature))
    result = _empty(height, width)
    source = MapRows([logits], (height, width), heads.align_corners, probabilities=False)
    for start, band in bands(heads, source, (height, width)):
        rows = slice(start, start + band.shape[1])
        # A protocol by which the scores are logits, whatever is averaged: there is one map.
        _fill(result, rows, *_parts(heads, band, objects[rows].to(band.device), tasks, TestProtocol()))
    return result


def _without_scene(
    heads: "StackedHeads", source: Rows, size: tuple[int, int], protocol: TestProtocol, tasks: TaskLabels
) -> TaskPrediction:
    """Everything but the scene, from scores that come row by row."""
    height, width = size
    found: dict[Task, Prediction] = {name: _empty(height, width) for name in heads.maps}
    for start, band in bands(heads, source, size):
        rows = slice(start, start + band.shape[1])
        scores = heads.by_task(band)
        for task, own in scores.items():
            if task is not Task.PART:
                _fill(found[task], rows, *winners(own, protocol, temperature=heads.temperatures.of(task)))
        if tasks.tree is not None:
            labels = found[Task.OBJECT].labels[rows].to(band.device)
            _fill(found[Task.PART], rows, *_parts(heads, scores[Task.PART], labels, tasks, protocol))
    return _task_prediction(found)


def _task_prediction(found: dict[Task, Prediction]) -> TaskPrediction:
    """The predictions of the label maps together, without a scene."""
    return TaskPrediction(
        objects=found[Task.OBJECT],
        scene=None,
        parts=found.get(Task.PART),
        materials=found.get(Task.MATERIAL),
        textures=found.get(Task.TEXTURE),
    )


class StackedHeads:
    """The maps of all heads as one engine's scores; the scene's probabilities are set aside. See `Engine`."""

    def __init__(self, engine: TaskEngine, tasks: TaskLabels) -> None:
        self.name, self.precision = engine.name, engine.precision
        self.align_corners = engine.align_corners
        self.temperatures = temperatures_of(engine)
        self.padding_color: Sequence[float] = engine.padding_color
        self.scenes: list[Tensor] = []
        self._engine, self._scene = engine, tasks.scenes is not None
        sizes: dict[Task, tuple[int, ...]] = {task: (len(space),) for task, space in tasks.spaces().items()}
        # Channels that compete with each other: those of the objects, of each object's parts, of the materials, ….
        sizes |= {Task.OBJECT: (engine.num_classes,)} | ({} if tasks.tree is None else {Task.PART: tasks.tree.sizes})
        self.maps = {task: sum(sizes[task]) for task in MAPS if task in sizes}
        self.num_classes = sum(self.maps.values())
        self.groups = tuple(size for task in self.maps for size in sizes[task])
        self._order = _mirror_image(tasks, list(self.maps.items()))
        self._scene_order = () if tasks.scenes is None else tasks.scenes.mirror_image

    def __call__(self, images: Tensor) -> Tensor:
        """Score pictures; see `Engine`."""
        return torch.cat(list(self.apart(images).values()), dim=1)

    def apart(self, images: Tensor) -> dict[Task, Tensor]:
        """Score pictures, and return the maps that a call stacks, all of the size of the objects'."""
        output = self._engine.heads(images, [*self.maps, Task.SCENE] if self._scene else [*self.maps])
        if self._scene:
            assert output.scene is not None
            self.scenes.append(output.scene.softmax(dim=1))
        size = (output.logits.shape[-2], output.logits.shape[-1])
        maps: dict[Task, Tensor] = {}
        for name, count in self.maps.items():
            logits = getattr(output, name)
            if logits is None or logits.shape[1] != count:
                raise ValueError(f"{count} classes are named for task {name}, but the network has no such head")
            maps[name] = logits if logits.shape[-2:] == size else resize(logits, size, self.align_corners)
        return maps

    def by_task(self, stacked: Tensor, dim: int = 0) -> dict[Task, Tensor]:
        """Return the maps of each task from stacked ones, which lie along an axis."""
        return dict(zip(self.maps, stacked.split(list(self.maps.values()), dim), strict=True))

    def scene_of(self, averaged: Tensor) -> Tensor:
        """Return the scene's probabilities (..., scenes) from those that were averaged."""
        return tempered(averaged, self.temperatures.of(Task.SCENE), dim=-1)

    def turned_back(self, scores: Tensor) -> Tensor:
        """See `TurnsBack`."""
        if self._scene_order:
            last = self.scenes[-1]
            rest, mirrored = last.split([len(last) - len(scores), len(scores)])
            self.scenes[-1] = torch.cat([rest, reordered(mirrored, self._scene_order)])
        return reordered(scores.flip(-1), self._order)

    def describe(self) -> str:
        """Describe in one line what computes, where and how."""
        return self._engine.describe()


def _mirror_image(tasks: TaskLabels, maps: Sequence[tuple[Task, int]]) -> tuple[int, ...]:
    """Return the channel of stacked maps, of so many channels each, that each is in a mirror image; empty: all stay."""
    order: list[int] = []
    for task, count in maps:
        space = tasks.tree if task is Task.PART else tasks.space(task)
        own = () if space is None else space.mirror_image
        order += [len(order) + index for index in own or range(count)]
    return () if order == list(range(len(order))) else tuple(order)


def _empty(height: int, width: int) -> Prediction:
    return Prediction(torch.empty(height, width, dtype=torch.int16), torch.empty(height, width))


def _fill(prediction: Prediction, rows: slice, labels: Tensor, confidence: Tensor) -> None:
    prediction.labels[rows] = labels.to(torch.int16)
    prediction.confidence[rows] = confidence


def _parts(
    heads: "StackedHeads", scores: Tensor, objects: Tensor, tasks: TaskLabels, protocol: TestProtocol
) -> tuple[Tensor, Tensor]:
    """The channel of the best part of each pixel's object, and its probability among this object's."""
    assert tasks.tree is not None
    labels = torch.full(objects.shape, IGNORE, dtype=torch.int64, device=scores.device)
    confidence = scores.new_zeros(objects.shape)
    tree, present = tasks.tree, set(objects.unique().tolist())
    temperature = heads.temperatures.of(Task.PART)
    for owner, offset, block in zip(tree.owners, tree.offsets, scores.split(list(tree.sizes)), strict=True):
        # A band of a few rows shows few of the objects that there are: asking for each would take longer than the rest.
        if owner in present:
            inside = objects == owner
            winner, best = winners(block[:, inside], protocol, temperature=temperature)
            labels[inside], confidence[inside] = winner + offset, best
    return labels, confidence
