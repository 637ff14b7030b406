"""One step of a training: the losses of a batch, their gradients, and the change of the weights."""

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sceneparse.data.loader import Batch
from sceneparse.devices import float32_products
from sceneparse.devices.memory import to_device
from sceneparse.devices.sums import widest
from sceneparse.networks import normalize
from sceneparse.networks.exact.lean_norms import LeanNorms
from sceneparse.training.losses.targets import Amounts, Targets
from sceneparse.training.optimizer import set_learning_rate
from sceneparse.training.prepare import Prepared
from sceneparse.training.recipe_losses import RecipeLosses
from sceneparse.training.schedules.kind import learning_rate


@dataclass(frozen=True)
class Step:
    """The losses that a step computed of its batch.

    Args:
        iteration: Iterations done before it.
        seed: What the generators were seeded with.
        rate: The base learning rate.
        losses: The losses by name, over all processes; the one that is minimised under "loss".
        labelled: The names of those that the batch has labels for.
    """

    iteration: int
    seed: int
    rate: float
    losses: dict[str, float]
    labelled: tuple[str, ...]

    @property
    def total(self) -> float:
        """The loss that is minimised."""
        return self.losses["loss"]

    @property
    def finite(self) -> bool:
        """Whether loss and gradients are finite, so that the weights can be changed."""
        return math.isfinite(self.total)


def compute_gradients(prepared: Prepared, losses: RecipeLosses, batch: Batch, iteration: int) -> Step:
    """Compute the losses of a batch and their gradients; `update_weights` applies them.

    Args:
        prepared: The network, and where it computes.
        losses: What is minimised.
        batch: This process's share of the batch.
        iteration: Iterations done.
    """
    with float32_products(prepared.compute.precision):
        return _computed(prepared, losses, batch, iteration)


def _computed(prepared: Prepared, losses: RecipeLosses, batch: Batch, iteration: int) -> Step:
    recipe, learner = prepared.recipe, prepared.learner
    fabric, processes = prepared.compute.fabric, prepared.compute.processes
    count = recipe.training.accumulate
    rate = learning_rate(iteration, recipe.training.iterations, recipe.optimizer)
    set_learning_rate(learner.optimizer, rate)
    # Dropout too is a function of the iteration: no random state needs to be kept or guarded. All processes draw alike,
    # for the batch that they share.
    seed = step_seed(recipe.training.seed, iteration)
    torch.manual_seed(seed)

    images = to_device(batch.images, fabric.device).contiguous(memory_format=torch.channels_last)
    targets = Targets.of(batch, losses.tree, fabric.device)
    whole = Amounts(processes.total(Amounts.of(targets, losses.class_weights, losses.tree).values))
    heads = losses.heads_for(whole)
    sums = torch.zeros(len(losses.names), dtype=widest(fabric.device), device=fabric.device)
    for number, (pixels, target) in enumerate(zip(images.chunk(count), targets.chunk(count), strict=True), 1):
        # The last backward pass adds up the gradients of all processes.
        with fabric.no_backward_sync(learner.model, enabled=number < count):
            pixels = normalize(pixels, recipe.preprocessing.mean, recipe.preprocessing.std)
            with _forward_mode(prepared):
                output = learner.model(pixels) if heads is None else learner.model(pixels, heads)
            # Chunks count by what counts in them, so their sum is the loss of the whole batch. Processes are averaged,
            # hence the factor.
            shares = losses.shares(output, target, whole)
            fabric.backward(shares[0] * processes.world)
            sums += torch.stack([value.detach() for value in shares])
    values = dict(zip(losses.names, processes.total(sums).tolist(), strict=True))
    return Step(iteration, seed, rate, values, losses.names_for(heads))


def _forward_mode(prepared: Prepared) -> AbstractContextManager[Any]:
    """How scores are computed on their way to a gradient: on a CPU, with batch norms that keep less for it."""
    training = prepared.recipe.training
    # A compiled network decides what is kept, and blocks that are computed twice keep nothing of the kind.
    if prepared.compute.fabric.device.type != "cpu" or training.compile or training.activation_checkpointing:
        return nullcontext()
    return LeanNorms()


def update_weights(prepared: Prepared) -> None:
    """Change the weights by the gradients, which are then forgotten."""
    learner, clip = prepared.learner, prepared.recipe.optimizer.clip
    if clip is not None:
        prepared.compute.fabric.clip_gradients(learner.model, learner.stepper, max_norm=clip, error_if_nonfinite=False)
    learner.stepper.step()
    learner.stepper.zero_grad()


def step_seed(seed: int, iteration: int) -> int:
    """Return what the generators of an iteration are seeded with."""
    return int(np.random.SeedSequence([seed, iteration]).generate_state(1)[0])
