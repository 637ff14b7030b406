"""Measure how long a training's steps, validations and checkpoints take, and leave nothing of it behind.

The steps of the measurement are those that the training is going to begin with, taken and undone: weights, statistics,
optimiser and gradient scaler are what they were, and no random state is kept from one iteration to the next. So a
training whose length was decided by measuring is, to the bit, that of the same recipe with the length given.
"""

import time
from contextlib import closing, suppress
from dataclasses import astuple, dataclass, replace

import torch

from sceneparse.data.class_counts import ClassCounts
from sceneparse.errors import NothingToScoreError
from sceneparse.settings import Recipe
from sceneparse.training.averaging import WeightAverage, begin_average
from sceneparse.training.checkpoint import Checkpoints
from sceneparse.training.graphed import GraphedGradients
from sceneparse.training.prepare import Prepared
from sceneparse.training.recipe_losses import RecipeLosses
from sceneparse.training.sharding import whole
from sceneparse.training.step import compute_gradients, update_weights
from sceneparse.training.undoing import undone
from sceneparse.training.validation import network_with, validate

WARM, TIMED = 3, 40
"""Steps before the clock runs (first ones choose algorithms, fill caches, record a graph), and the most under it."""

LEAST = 2
"""Steps under the clock at least, however long they take."""

SHARE = 0.02
"""The share of the time that the warm steps may take, and again the timed ones, but for the least of each."""

PICTURES = 4
"""Pictures that a validation is measured on."""


@dataclass(frozen=True)
class Pace:
    """How long things take, in seconds.

    Args:
        before: All until the training's first step.
        step: A step, with the wait for its batch.
        validation: A validation: of the weights that learn and, where it is kept, of their average.
        checkpoint: Writing a checkpoint.
    """

    before: float
    step: float
    validation: float
    checkpoint: float


def measure(
    prepared: Prepared,
    losses: RecipeLosses,
    counts: ClassCounts | None,
    checkpoints: Checkpoints,
    began: float,
    limit: float,
    graph: GraphedGradients | None = None,
) -> Pace:
    """Measure the pace of a training that is about to begin, the same in all processes: that of the slowest.

    Args:
        prepared: The training, which stays as it is.
        losses: What it minimises.
        counts: What draws that favour rare classes go by.
        checkpoints: Where its checkpoints will be.
        began: `time.monotonic()` when it began.
        limit: Seconds that all of the training may take; what is slow is measured less often.
        graph: What records and replays its steps.
    """
    with undone(prepared):
        average = begin_average(prepared)
        step = _step(prepared, losses, counts, limit, graph, average)
        validation = _validation(prepared, limit)
        clock = time.monotonic()
        learner = prepared.learner
        network, optimizer = whole(learner.network.state_dict()), whole(learner.optimizer.state_dict())
        averaged = None if average is None else average.state()
        if prepared.compute.processes.first:
            checkpoints.measure(network, optimizer, averaged)
        checkpoint = time.monotonic() - clock
    own = Pace(time.monotonic() - began, step, validation, checkpoint)
    found = prepared.compute.processes.gather(torch.tensor([astuple(own)], dtype=torch.float64))
    return Pace(*found.amax(dim=0).tolist())


def _step(
    prepared: Prepared,
    losses: RecipeLosses,
    counts: ClassCounts | None,
    limit: float,
    graph: GraphedGradients | None,
    average: WeightAverage | None,
) -> float:
    """The mean seconds of a step after the first ones."""
    recipe = prepared.recipe
    short = replace(prepared, recipe=_with(recipe, minutes=None, iterations=WARM + TIMED))
    warm, timed, clock = 0, 0, time.monotonic()
    measuring = False
    with closing(short.batches(losses.tasks, counts)) as batches:
        for iteration, batch in enumerate(batches):
            step = compute_gradients(short, losses, batch, iteration, graph=graph)
            if short.learner.deferred or step.finite:
                update_weights(short, step)
            if average is not None:
                average.update(iteration + 1)
            slow = prepared.compute.processes.any(time.monotonic() - clock >= SHARE * limit)
            if measuring:
                timed += 1
                if slow and timed >= LEAST:
                    break
            else:
                warm += 1
                if slow or warm == WARM:
                    _ = step.finite  # a GPU may still be at work on it
                    measuring, clock = True, time.monotonic()
        _ = step.finite
        return (time.monotonic() - clock) / timed


def _validation(prepared: Prepared, limit: float) -> float:
    """The seconds of a validation, by those of a few pictures."""
    recipe, samples = prepared.recipe, len(prepared.data.validation)
    world = prepared.compute.processes.world
    pictures = min(samples, recipe.training.validate_count or samples)
    seconds = 0.0
    # Once to choose algorithms and fill caches; what takes long is not done twice.
    for measured in (min(pictures, world), min(pictures, max(PICTURES, world))):
        clock = time.monotonic()
        # That nothing is labelled in these few pictures takes no time away.
        with network_with(prepared, None) as network, suppress(NothingToScoreError):
            validate(network, prepared.data, _with(recipe, validate_count=measured), prepared.compute, progress=False)
        seconds = (time.monotonic() - clock) * pictures / measured
        if prepared.compute.processes.any(time.monotonic() - clock >= SHARE * limit):
            break
    return seconds * (1 if recipe.training.average.decay is None else 2)


def _with(recipe: Recipe, **changes: object) -> Recipe:
    """The recipe with changes to its training settings."""
    return replace(recipe, training=replace(recipe.training, **changes))  # type: ignore[arg-type]
