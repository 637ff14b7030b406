"""One step of a training: the losses of a batch, their gradients, and the change of the weights."""

import math
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sceneparse.data.batch import Batch
from sceneparse.data.device_augment import Windows
from sceneparse.data.feeding import on_device
from sceneparse.devices import float32_products
from sceneparse.devices.convolutions import measured_convolutions
from sceneparse.devices.sums import widest
from sceneparse.networks import normalize
from sceneparse.networks.exact.lean_norms import LeanNorms
from sceneparse.networks.exact.reading import Arriving
from sceneparse.networks.exact.weight_gradients import FastWeightGradients, is_slow_without
from sceneparse.training.graphed import GraphedGradients, begin_graph
from sceneparse.training.losses.targets import Amounts, Targets
from sceneparse.training.optimizer import set_learning_rate, skip_where
from sceneparse.training.prepare import Prepared
from sceneparse.training.recipe_losses import RecipeLosses
from sceneparse.training.schedules.kind import learning_rate


@dataclass(frozen=True)
class Step:
    """The losses that a step computed of its batch.

    On a device they are computed later than this is made. Whoever asks for them waits.

    Args:
        iteration: Iterations done before it.
        seed: What the generators were seeded with.
        rate: The base learning rate.
        names: The names of the losses, that of the one that is minimised ("loss") first.
        labelled: The names of those that the batch has labels for.
        values: (losses + 1,) the losses over all processes, then how many processes were asked to stop.
    """

    iteration: int
    seed: int
    rate: float
    names: tuple[str, ...]
    labelled: tuple[str, ...]
    values: Tensor

    def __post_init__(self) -> None:
        # On its way at once, so that nobody waits for more than this step.
        object.__setattr__(self, "_arriving", Arriving(self.values))

    @cached_property
    def _known(self) -> list[float]:
        arriving: Arriving = self._arriving  # type: ignore[attr-defined]
        return arriving.values().tolist()

    @cached_property
    def losses(self) -> dict[str, float]:
        """The losses by name, over all processes."""
        return dict(zip(self.names, self._known, strict=False))

    @property
    def asked_to_stop(self) -> bool:
        """Whether a process was asked to stop before this step."""
        return self._known[-1] > 0

    @property
    def spoilt(self) -> Tensor:
        """1 where the loss is not finite, else 0: a scalar on the device, for which nobody waits."""
        return self.values[0].isfinite().logical_not().float()

    @property
    def total(self) -> float:
        """The loss that is minimised."""
        return self.losses["loss"]

    @property
    def finite(self) -> bool:
        """Whether loss and gradients are finite, so that the weights can be changed."""
        return math.isfinite(self.total)


def compute_gradients(
    prepared: Prepared,
    losses: RecipeLosses,
    batch: Batch | Windows,
    iteration: int,
    *,
    stop: bool = False,
    graph: GraphedGradients | None = None,
) -> Step:
    """Compute the losses of a batch and their gradients; `update_weights` applies them.

    On a GPU nothing of it is waited for, but in several processes: for what heads a unified network has labels for, in
    PyTorch's batch norms over all processes, and under `fsdp`, whose losses are looked at once.

    Args:
        prepared: The network, and where it computes.
        losses: What is minimised.
        batch: This process's share of the batch, as the loader gives it.
        iteration: Iterations done.
        stop: Whether this process was asked to stop; all of them get to know with the losses.
        graph: What records and replays them (`graph_of`); None computes them as they are.
    """
    with float32_products(prepared.compute.precision), _convolutions(prepared):
        return _computed(prepared, losses, batch, iteration, stop, graph)


def graph_of(prepared: Prepared, losses: RecipeLosses) -> GraphedGradients | None:
    """Return what records a training's steps where its recipe asks for it (`training.graph`).

    Raises:
        UserError: They cannot be recorded.
    """

    def compute(images: Tensor, targets: Targets) -> Tensor:
        whole = Amounts.of(targets, losses.class_weights, losses.tree)
        return _gradients(prepared, losses, images, targets, whole, None)

    return begin_graph(prepared, compute)


def _computed(
    prepared: Prepared,
    losses: RecipeLosses,
    batch: Batch | Windows,
    iteration: int,
    stop: bool,
    graph: GraphedGradients | None,
) -> Step:
    recipe, learner = prepared.recipe, prepared.learner
    fabric, processes = prepared.compute.fabric, prepared.compute.processes
    rate = learning_rate(iteration, recipe.training.iterations, recipe.optimizer)
    set_learning_rate(learner.optimizer, rate)
    # Dropout too is a function of the iteration: no random state needs to be kept or guarded. All processes draw alike,
    # for the batch that they share.
    seed = step_seed(recipe.training.seed, iteration)
    torch.manual_seed(seed)
    losses.begin_step(iteration / recipe.training.iterations)

    there = on_device(batch, fabric.device, recipe.augmentation)
    images = there.images.contiguous(memory_format=torch.channels_last)
    targets = Targets.of(there, losses.tree)
    heads: tuple[str, ...] | None = None
    if graph is not None:
        sums = graph(images, targets)
    else:
        whole = Amounts(processes.total(Amounts.of(targets, losses.class_weights, losses.tree).values))
        heads, whole = losses.heads_for(whole, batch)
        sums = _gradients(prepared, losses, images, targets, whole, heads)
    values = torch.cat([sums, sums.new_full((1,), float(stop))])
    return Step(iteration, seed, rate, losses.names, losses.names_for(heads), processes.total(values))


def _gradients(
    prepared: Prepared,
    losses: RecipeLosses,
    images: Tensor,
    targets: Targets,
    whole: Amounts,
    heads: tuple[str, ...] | None,
) -> Tensor:
    """Compute the gradients of this process's share of a batch.

    Args:
        prepared: The network, and where it computes.
        losses: What is minimised.
        images: (N, channels, H, W) on the device, in the pictures' own range.
        targets: Their truth, there too.
        whole: What is labelled in the whole batch.
        heads: Which heads of a unified network are computed; None for networks of one task.

    Returns:
        (losses,) the share's losses in the order of their names, of the device's `widest` type.
    """
    recipe, learner = prepared.recipe, prepared.learner
    fabric, count = prepared.compute.fabric, recipe.training.accumulate
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
            fabric.backward(shares[0] * prepared.compute.processes.world)
            sums += torch.stack([value.detach() for value in shares])
    return sums


def _convolutions(prepared: Prepared) -> AbstractContextManager[None]:
    """How a GPU's convolutions are chosen, forward and backward: by measurement where all pictures have one size."""
    fixed = prepared.recipe.augmentation.crop is not None
    on_cuda = prepared.compute.fabric.device.type == "cuda"
    return measured_convolutions() if fixed and on_cuda else nullcontext()


def _forward_mode(prepared: Prepared) -> AbstractContextManager[Any]:
    """How scores are computed on their way to a gradient: on a CPU, with batch norms that keep less for it.

    And with gradients of weights that are fast on processors for which oneDNN's are not.
    """
    training = prepared.recipe.training
    # A compiled network decides what is kept, and blocks that are computed twice keep nothing of the kind.
    if prepared.compute.fabric.device.type != "cpu" or training.compile or training.activation_checkpointing:
        return nullcontext()
    modes = ExitStack()
    modes.enter_context(LeanNorms())
    if is_slow_without():
        modes.enter_context(FastWeightGradients())
    return modes


def update_weights(prepared: Prepared, step: Step) -> None:
    """Change the weights by the gradients of a step, which are then forgotten.

    Where the check of the loss is deferred (`Learner.deferred`), the device itself leaves out a step whose loss is not
    finite: weights and the optimiser's state stay what they were.
    """
    learner, clip = prepared.learner, prepared.recipe.optimizer.clip
    if clip is not None:
        prepared.compute.fabric.clip_gradients(learner.model, learner.stepper, max_norm=clip, error_if_nonfinite=False)
    if learner.deferred:
        skip_where(learner.optimizer, step.spoilt)
    learner.stepper.step()
    learner.stepper.zero_grad()


def step_seed(seed: int, iteration: int) -> int:
    """Return what the generators of an iteration are seeded with."""
    return int(np.random.SeedSequence([seed, iteration]).generate_state(1)[0])
