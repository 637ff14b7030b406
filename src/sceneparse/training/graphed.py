"""The gradients of a step, recorded once as a CUDA graph and replayed for every batch (`training.graph`).

A small network's step is a thousand kernels of a few microseconds each, and the program takes longer to ask for one
than the device to compute it. A graph is asked for as a whole. It reads and writes at the addresses that it was
recorded with: batches are copied to where it reads, and the gradients are where it left them.
"""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sceneparse.devices import memory
from sceneparse.errors import UserError, require
from sceneparse.inference.cuda_recorder import capture
from sceneparse.inference.host_reads import RefusingHostReads
from sceneparse.networks.exact.constants import keeping
from sceneparse.training.losses.targets import Targets
from sceneparse.training.prepare import Prepared
from sceneparse.weights.architectures import architecture_of

WARM = 2
"""Steps that are computed as they are before one is recorded: kernels are chosen, and what is made once is made."""

Gradients = Callable[[Tensor, Targets], Tensor]
"""Computes a batch's losses (a vector) of pictures and truth on the device, and leaves gradients with the weights."""


class Recording(NamedTuple):
    """What was recorded.

    Args:
        replay: Computes it all once more, of what is at the same addresses by then.
        found: Where it leaves what it returned.
        held: What must live as long as it may be replayed.
    """

    replay: Callable[[], object]
    found: Tensor
    held: object


class GraphedGradients:
    """A step's losses and gradients by a recording of them.

    Args:
        compute: Computes them.
        weights: The weights that learn.
        record: Records what is computed; the gradients that it makes are at the same addresses in each replay.
    """

    def __init__(
        self, compute: Gradients, weights: list[nn.Parameter], record: Callable[[Callable[[], Tensor]], Recording]
    ) -> None:
        self._compute, self._weights, self._record = compute, weights, record
        self._warm = 0
        self._recording: Recording | None = None
        self._images: Tensor | None = None
        self._objects: Tensor | None = None
        self._gradients: list[Tensor | None] = []

    def __call__(self, images: Tensor, targets: Targets) -> Tensor:
        """Return the losses of a batch; its gradients are the weights'.

        Args:
            images: (N, channels, H, W), channels-last, of the same size and type in each step.
            targets: The objects' classes (N, H, W).

        Raises:
            UserError: A graph cannot hold what is computed.
        """
        if self._warm < WARM:
            self._warm += 1
            last = self._warm == WARM
            try:
                with RefusingHostReads(images.device.type) if last else nullcontext():
                    return self._compute(images, targets)
            except RuntimeError as error:
                raise _refusal(error) if last and not memory.ran_out(error) else error from None
        if self._recording is None:
            self._begin(images, targets)
        assert self._recording is not None and self._images is not None and self._objects is not None
        self._images.copy_(images)
        self._objects.copy_(targets.objects)
        self._recording.replay()
        for weight, gradient in zip(self._weights, self._gradients, strict=True):
            weight.grad = gradient
        # The next replay writes there, and whoever reads these may be a step late.
        return self._recording.found.clone()

    def _begin(self, images: Tensor, targets: Targets) -> None:
        self._images, self._objects = torch.empty_like(images), torch.empty_like(targets.objects)
        self._images.copy_(images)
        self._objects.copy_(targets.objects)
        for weight in self._weights:
            weight.grad = None  # else they would be added to
        try:
            self._recording = self._record(partial(self._compute, self._images, Targets(self._objects)))
        except RuntimeError as error:
            raise error if memory.ran_out(error) else _refusal(error) from error
        self._gradients = [weight.grad for weight in self._weights]


def _refusal(error: RuntimeError) -> UserError:
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return UserError(f"training.graph: no CUDA graph can hold a step of this training ({reason[:200]}): leave it out")


def begin_graph(prepared: Prepared, compute: Gradients) -> GraphedGradients | None:
    """Return what records a training's steps; None where its recipe doesn't ask for it.

    Args:
        prepared: The training.
        compute: Computes a step's losses and gradients.

    Raises:
        UserError: It isn't one process on a CUDA device that learns one task, or computes in float16.
    """
    recipe, device = prepared.recipe, prepared.compute.fabric.device
    if not recipe.training.graph:
        return None
    require(
        device.type == "cuda", f"training.graph needs a CUDA device, but this training is on {device}: leave it out"
    )
    world = prepared.compute.processes.world
    require(world == 1, f"training.graph is for one process, but there are {world}: leave it out, or train in one")
    require(
        not architecture_of(recipe.network).learns_tasks,
        f"training.graph needs steps that are all alike, but those of network {recipe.network.architecture} compute "
        "the heads that a batch has labels for: leave it out",
    )
    require(
        prepared.compute.precision != "float16",
        "training.graph needs a precision without a loss scale that changes: bfloat16, float32 or tf32 in place of "
        "float16, or leave it out",
    )
    weights = [one for one in prepared.learner.network.parameters() if one.requires_grad]
    return GraphedGradients(compute, weights, partial(record_on_cuda, device))


def record_on_cuda(device: torch.device, compute: Callable[[], Tensor]) -> Recording:
    """Record a CUDA graph, in memory of its own."""
    with torch.cuda.device(device):
        here, aside = torch.cuda.current_stream(), torch.cuda.Stream()
        pool: Any = torch.cuda.graph_pool_handle()
        aside.wait_stream(here)
        with keeping() as kept:
            graph, found = capture(compute, pool, aside)
        here.wait_stream(aside)
    return Recording(graph.replay, found, kept)
