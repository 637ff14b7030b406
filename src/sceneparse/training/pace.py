"""How fast this machine trains and tests by a recipe, measured in a few seconds on a network that is thrown away."""

import time
from contextlib import closing
from dataclasses import dataclass, replace

from sceneparse.datasets.opening import open_dataset
from sceneparse.errors import counted
from sceneparse.inference import TorchEngine, label, resolve
from sceneparse.settings import Recipe
from sceneparse.training.prepare import prepare
from sceneparse.training.recipe_losses import RecipeLosses
from sceneparse.training.step import compute_gradients, update_weights

WARM_UP = 4
"""Steps that are not counted: in the first ones memory is laid out and the loader starts."""
STEPS = 40
SECONDS = 3.0
"""Counted are so many steps, or as many as fit into so many seconds."""
PICTURES = 4


@dataclass(frozen=True)
class Pace:
    """How long parts of a training and of a test take.

    Args:
        start: Seconds from the beginning of a training to its first counted step.
        step: Seconds of an iteration, loading included.
        picture: Seconds to load a picture of the test split and label it.
    """

    start: float
    step: float
    picture: float


def measure_pace(recipe: Recipe) -> Pace:
    """Take a few real training steps and label a few pictures; nothing is written, and no training is changed by it.

    Args:
        recipe: The recipe of the training that is to come.

    Raises:
        UserError: As `train`.
    """
    began = time.perf_counter()
    short = replace(recipe, training=replace(recipe.training, iterations=WARM_UP + STEPS))
    prepared = prepare(short, None, "auto")
    losses = RecipeLosses.prepared(prepared, None)
    counted_from = began
    done = 0
    with closing(prepared.batches(losses.tasks)) as batches:
        for iteration, batch in enumerate(batches):
            compute_gradients(prepared, losses, batch, iteration)
            update_weights(prepared)
            now = time.perf_counter()
            if iteration + 1 <= WARM_UP:
                counted_from = now
            else:
                done = iteration + 1 - WARM_UP
                if now - counted_from > SECONDS:
                    break
    step = (now - counted_from) / done
    dataset = open_dataset(recipe.data, recipe.data.test)
    engine, protocol = TorchEngine(prepared.learner.network, recipe.preprocessing), resolve(recipe.protocol)
    label(engine, dataset[0].image, protocol)
    clock = time.perf_counter()
    for index in range(PICTURES):
        label(engine, dataset[index % len(dataset)].image, protocol)
    picture = (time.perf_counter() - clock) / PICTURES
    return Pace(counted_from - began, step, picture)


def roughly(seconds: float) -> str:
    """Return a time as one says it: "about 20 seconds", "about 2.5 minutes"."""
    if seconds < 50:
        return f"about {counted(max(10, 10 * round(seconds / 10)), 'second')}"
    minutes = round(seconds / 30) / 2 if seconds < 570 else float(round(seconds / 60))
    return f"about {minutes:g} minute{'' if minutes == 1 else 's'}"


def exactly(seconds: float) -> str:
    """Return a time to the second: "41 s", "2 min 5 s"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
