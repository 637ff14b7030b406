"""The most probable classes of every pixel, in bands of rows like the labels: no picture's scores are held whole."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from sceneparse.inference.engine import Engine
from sceneparse.inference.protocol import TestProtocol
from sceneparse.inference.scoring import bands, refined_scores
from sceneparse.inference.tasks import StackedHeads, refuse_crf, task_engine
from sceneparse.inference.tempering import NONE, sureness, temperature_of, tempered
from sceneparse.inference.views import every_scale
from sceneparse.labels import IGNORE, PartTree, TaskLabels
from sceneparse.tasks import Task


@dataclass(frozen=True)
class Ranking:
    """The most probable classes of every pixel.

    Args:
        classes: (k, H, W) int16 class indices on the CPU, the most probable first; of parts channels of the part head
            (see `PartTree.channels`), `IGNORE` where an object has fewer.
        probabilities: (k, H, W) float32; 0 where there is no class.
    """

    classes: Tensor
    probabilities: Tensor

    def __repr__(self) -> str:
        count, height, width = self.classes.shape
        return f"Ranking({width}×{height}, {count} classes)"


@torch.no_grad()
def rank(
    engine: Engine, image: Tensor, protocol: TestProtocol, count: int, size: tuple[int, int] | None = None
) -> Ranking:
    """Return the most probable classes of every pixel, at the picture's own size.

    The first ones are, but for rounding, the labels and the confidence of `predict`.

    Args:
        engine: What gives scores.
        image: (C, H, W) uint8.
        protocol: How the picture is tested.
        count: How many classes, at most as many as there are.
        size: As in `predict`.

    Raises:
        UserError: As `predict`.
    """
    own = size or (image.shape[-2], image.shape[-1])
    found = _empty(count, own)
    if protocol.crf:
        _fill(found, slice(None), *_best(refined_scores(engine, image, protocol, size), count, logits=False))
        return found
    for start, band in bands(engine, every_scale(engine, image, protocol, size=own), own):
        rows = slice(start, start + band.shape[1])
        _fill(found, rows, *_best(band, count, temperature=temperature_of(engine), logits=protocol.average == "logits"))
    return found


@torch.no_grad()
def rank_task(
    engine: Engine,
    image: Tensor,
    protocol: TestProtocol,
    tasks: TaskLabels,
    task: Task,
    count: int,
    size: tuple[int, int] | None = None,
) -> Ranking:
    """Return the most probable classes of one of a unified model's label maps at every pixel; see `rank`.

    Args:
        engine: What gives scores.
        image: (C, H, W) uint8.
        protocol: How the picture is tested.
        tasks: The label spaces of the model's tasks.
        task: Of `MAPS`. Of parts, only those of the object that was found in a pixel are ranked, "no part" included.
        count: How many classes.
        size: As in `predict`.

    Raises:
        UserError: As `predict_tasks`.
    """
    refuse_crf(protocol)
    own = size or (image.shape[-2], image.shape[-1])
    heads = StackedHeads(task_engine(engine), tasks.only([task]))
    found = _empty(count, own)
    best = partial(_best, temperature=heads.temperatures.of(task), logits=protocol.average == "logits")
    source = every_scale(heads, image, protocol, heads.groups, own)
    for start, band in bands(heads, source, own):
        rows = slice(start, start + band.shape[1])
        scores = heads.by_task(band)
        if task is Task.PART:
            assert tasks.tree is not None
            _fill(found, rows, *_best_parts(scores[task], scores[Task.OBJECT].argmax(0), tasks.tree, count, best))
        else:
            _fill(found, rows, *best(scores[task], count))
    return found


def _best(scores: Tensor, count: int, *, temperature: float = NONE, logits: bool) -> tuple[Tensor, Tensor]:
    """The classes and the probabilities of the largest scores (classes, ...), the first of equal ones first."""
    left = scores.clone()
    classes, values = [], []
    for _ in range(count):
        # Of equal scores a maximum takes the first, as labels do; a sort would take any.
        value, winner = left.max(dim=0)
        left.scatter_(0, winner[None], -torch.inf)
        classes.append(winner)
        values.append(value)
    order, found = torch.stack(classes), torch.stack(values)
    if logits:
        share = sureness(scores, found[0], temperature, logits=True)
        found = ((found - found[0]) / temperature).exp_() * share
    elif temperature != NONE:
        found = tempered(scores, temperature).gather(0, order)
    return order, found


def _best_parts(
    scores: Tensor, objects: Tensor, tree: PartTree, count: int, best: Callable[[Tensor, int], tuple[Tensor, Tensor]]
) -> tuple[Tensor, Tensor]:
    """The channels and the probabilities of the best parts of each pixel's object, among this object's."""
    classes = torch.full((count, *objects.shape), IGNORE, dtype=torch.int64, device=scores.device)
    values = scores.new_zeros(classes.shape)
    present = set(objects.unique().tolist())
    for owner, offset, block in zip(tree.owners, tree.offsets, scores.split(list(tree.sizes)), strict=True):
        if owner in present:
            inside, kept = objects == owner, min(count, len(block))
            winners, found = best(block[:, inside], kept)
            classes[:kept, inside], values[:kept, inside] = winners + offset, found
    return classes, values


def _empty(count: int, size: tuple[int, int]) -> Ranking:
    return Ranking(torch.empty(count, *size, dtype=torch.int16), torch.empty(count, *size))


def _fill(found: Ranking, rows: slice, classes: Tensor, probabilities: Tensor) -> None:
    found.classes[:, rows] = classes.to(torch.int16)
    found.probabilities[:, rows] = probabilities
