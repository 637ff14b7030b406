"""What a model says of some labelled pixels of each picture: all that fitting a temperature needs."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sceneparse.data.part_channels import part_channels
from sceneparse.data.sample import DataSet, Sample
from sceneparse.diagnosing.temperature import NOTHING, Scored
from sceneparse.evaluation.reading import read_ahead
from sceneparse.inference.deciding import HALF, threshold_of
from sceneparse.inference.engine import Engine
from sceneparse.inference.protocol import TestProtocol
from sceneparse.inference.scoring import bands
from sceneparse.inference.tasks import StackedHeads, task_engine
from sceneparse.inference.views import every_scale
from sceneparse.labels import IGNORE, PartTree, TaskLabels
from sceneparse.tasks import Task

MOST = 4096
"""Pixels of a picture, at most; its pixels are so much alike that more of them say nothing new."""

NUMBERS = 1 << 24
"""Logits that are kept of all pictures together, 64 MiB; of each picture a pixel at least."""

LEAST_PROBABILITY = 1e-12
"""A smaller averaged probability is taken for this: of zero there is no logarithm."""


class Sampled(NamedTuple):
    """What a model says of some labelled pixels.

    Args:
        by_task: By task; those without labels are left out. Of the scene pictures stand in the place of pixels; of
            parts each pixel stands among the parts of its true object.
        protocol: How the pictures were tested.
    """

    by_task: dict[Task, Scored]
    protocol: TestProtocol


@torch.no_grad()
def sample_pixels(
    engine: Engine,
    dataset: DataSet,
    indices: Sequence[int],
    protocol: TestProtocol,
    tasks: TaskLabels | None,
    advance: Callable[[], None] = lambda: None,
) -> Sampled:
    """Score pictures, and keep what a model says of some labelled pixels of each, the same ones each time.

    Args:
        engine: What gives scores.
        dataset: Pictures with truth.
        indices: Which of them.
        protocol: How they are tested; it must have no CRF.
        tasks: The label spaces of a unified model's tasks; None for a model of one.
        advance: Called after each picture.

    Returns:
        What it says by task, and the protocol as it was used.
    """
    sizes: dict[Task, int] = {Task.OBJECT: engine.num_classes}
    if tasks is not None:
        sizes = dict(StackedHeads(task_engine(engine), tasks).maps.items())
    each = max(1, min(MOST, NUMBERS // (sum(sizes.values()) * max(len(indices), 1))))
    kept: dict[Task, list[tuple[Tensor, Tensor]]] = {}
    resized = False
    for index, sample in read_ahead(dataset, indices):
        resized |= not protocol.keeps(sample.size)
        maps = {task: truth for task in sizes if (truth := _truth(sample, task, tasks)) is not None}
        generator = np.random.default_rng(index)
        places = {task: _some(truth, each, generator) for task, truth in maps.items()}
        scene = None if tasks is None or tasks.scenes is None else sample.scene
        if scene is not None or any(len(one) for one in places.values()):
            found, scenes = _scored(engine, sample.image, protocol, tasks, sizes, places)
            for task, logits in found.items():
                kept.setdefault(task, []).append((logits, maps[task].flatten()[places[task]].long()))
            if scene is not None and scenes is not None:
                kept.setdefault(Task.SCENE, []).append((scenes, torch.tensor([scene])))
        advance()
    by_task = {task: _joined(pieces, task, tasks, engine) for task, pieces in kept.items()}
    return Sampled(by_task, protocol.as_used(resized))


def _truth(sample: Sample, task: Task, tasks: TaskLabels | None) -> Tensor | None:
    """The true class of every pixel for a task of `MAPS`; of parts the channel of the part head."""
    if task is not Task.PART:
        found: Tensor | None = getattr(sample, task.truth)
        return found
    owners = sample.objects if sample.owners is None else sample.owners
    if sample.parts is None or owners is None or tasks is None or tasks.tree is None:
        return None
    return part_channels(owners, sample.parts, tasks.tree)


def _some(truth: Tensor, count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Where some of the labelled pixels are, in rising order: one at random of each of so many equal runs of them."""
    known = np.flatnonzero(truth.numpy() != IGNORE)
    count = min(count, len(known))
    # Evenly spaced ones might all lie in one column.
    chosen = (np.arange(count) + generator.random(count)) * (len(known) / max(count, 1))
    return known[np.minimum(chosen.astype(np.int64), len(known) - 1)]


def _scored(
    engine: Engine,
    image: Tensor,
    protocol: TestProtocol,
    tasks: TaskLabels | None,
    sizes: dict[Task, int],
    places: dict[Task, NDArray[np.int64]],
) -> tuple[dict[Task, Tensor], Tensor | None]:
    """The scores (n, classes) of the chosen pixels as logits, by task, and the scene's (1, scenes)."""
    own = (image.shape[-2], image.shape[-1])
    heads = None if tasks is None else StackedHeads(task_engine(engine), tasks)
    source = every_scale(heads or engine, image, protocol, None if heads is None else heads.groups, own)
    found: dict[Task, list[Tensor]] = {task: [] for task in places if len(places[task])}
    for start, band in bands(heads or engine, source, own):
        first, end = start * own[1], (start + band.shape[1]) * own[1]
        for task, scores in zip(sizes, band.split(list(sizes.values())), strict=True):
            if task in found:
                low, high = np.searchsorted(places[task], (first, end))
                here = torch.from_numpy(places[task][low:high] - first).to(band.device)
                found[task].append(scores.flatten(1)[:, here].T.cpu())
    logits = {task: _as_logits(torch.cat(pieces), protocol.average) for task, pieces in found.items()}
    if heads is None or not heads.scenes:
        return logits, None
    return logits, _as_logits(torch.cat(heads.scenes).mean(dim=0)[None].cpu(), "probabilities")


def _as_logits(scores: Tensor, average: str) -> Tensor:
    return scores.clamp_min(LEAST_PROBABILITY).log() if average == "probabilities" else scores


def _joined(pieces: list[tuple[Tensor, Tensor]], task: Task, tasks: TaskLabels | None, engine: Engine) -> Scored:
    """All pictures' pixels of a task, the largest logit of each brought to 0."""
    logits, truth = torch.cat([one for one, _ in pieces]), torch.cat([one for _, one in pieces])
    if task is Task.PART:
        assert tasks is not None and tasks.tree is not None
        logits, truth = _among_own(logits, truth, tasks.tree)
    logits -= logits.amax(dim=1, keepdim=True)
    return Scored(logits, truth, threshold_of(engine) if task is Task.OBJECT else HALF)


def _among_own(logits: Tensor, truth: Tensor, tree: PartTree) -> tuple[Tensor, Tensor]:
    """Channels of the part head as the parts of each pixel's true object alone."""
    own = torch.full((len(truth), max(tree.sizes)), NOTHING)
    local = truth.clone()
    for offset, size in zip(tree.offsets, tree.sizes, strict=True):
        inside = (truth >= offset) & (truth < offset + size)
        own[inside, :size] = logits[inside, offset : offset + size]
        local[inside] -= offset
    return own, local
