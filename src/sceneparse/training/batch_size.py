"""Find the batch that fits into memory (`training.batch: auto`), by real steps that are undone."""

import gc
from dataclasses import replace

import torch
from torch import Tensor

from sceneparse.data.loader import PREFETCH
from sceneparse.devices import memory, wait
from sceneparse.errors import UserError
from sceneparse.processes.machine import PeakMemory, available_memory
from sceneparse.training.prepare import Prepared
from sceneparse.training.progress import say_once
from sceneparse.training.random_steps import RandomSteps, random_batch
from sceneparse.training.undoing import undone

MOST = 64
"""Pictures in a batch at most: how a network learns depends on the batch, and more than these want another rate."""

SMALLEST = 2
"""Pictures in each process's chunk at least: batch norm takes statistics of several."""

GPU_SHARE, CPU_SHARE = 0.9, 0.75
"""Of the memory that is there, what steps may take; on the CPU their need is extrapolated."""


def with_found_batch(prepared: Prepared) -> Prepared:
    """Return a training whose batch is a number: the largest that fits, where its recipe leaves it open.

    Tried are 2, 4, 8, … pictures in each process's chunk. On a GPU all of them, until the memory that a step takes, or
    would take, is more than there is; on the CPU two and four, from which the rest follows. Network, optimiser and
    generators are afterwards what they were, to the bit.

    Args:
        prepared: The training, before its first step.

    Raises:
        UserError: Two pictures don't fit, or the machine does not say how much memory there is.
    """
    recipe = prepared.recipe
    if recipe.training.batch != "auto":
        return prepared
    unit = SMALLEST * recipe.training.accumulate * prepared.compute.processes.world
    most = max(unit, min(MOST, len(prepared.data.training)))
    sizes = [unit << power for power in range(most.bit_length()) if unit << power <= most]
    device = prepared.compute.fabric.device
    if device.type != "cpu" and not memory.tells_memory(device):
        raise UserError(
            "training.batch auto: PyTorch does not say how much memory of an Apple GPU a step takes; give a number"
        )
    say_once(f"finding the largest batch that fits: real steps of {sizes[0]} pictures and more, a few of them")
    # Compiled for each size it would take minutes, and eager it needs no less.
    with undone(prepared), torch.compiler.set_stance("force_eager"):
        batch, needed = (_fitting_cpu if device.type == "cpu" else _fitting_gpu)(prepared, sizes)
    if batch is None:
        raise UserError(
            f"training.batch auto: a step of {unit} takes about {_gib(needed)} GiB, which is more than there is: a "
            "smaller augmentation.crop or network, training.activation_checkpointing, or bfloat16"
        )
    more = f"{batch * 2} take about {_gib(needed)} GiB, more than there is"
    why = more if batch < sizes[-1] else _bound(prepared, batch)
    say_once(
        f"training.batch auto: {batch} pictures a step ({why}); optimizer.lr stays {recipe.optimizer.lr:g}, whatever "
        "the batch"
    )
    return replace(prepared, recipe=replace(recipe, training=replace(recipe.training, batch=batch)))


def _bound(prepared: Prepared, batch: int) -> str:
    samples = len(prepared.data.training)
    if batch > min(samples, MOST):
        return f"the least: {SMALLEST} in each chunk of each process"
    return f"the training split has {samples}" if samples < MOST else f"auto takes {MOST} at most"


def _gib(count: float) -> str:
    return f"{count / 2**30:.1f}"


Found = tuple[int | None, float]
"""The batch, None where none fits; and the bytes that the first one takes that doesn't fit, 0 where all do."""


def _fitting_gpu(prepared: Prepared, sizes: list[int]) -> Found:
    """Try batches on a GPU, of growing size."""
    device, processes = prepared.compute.fabric.device, prepared.compute.processes
    memory.give_back(device)
    try:
        room = GPU_SHARE * memory.available(device)
    except RuntimeError as error:
        reason = " ".join(str(error).split("\n", 1)[0].split())[:200]
        raise UserError(
            f"training.batch auto: the GPU's driver does not say how much memory is free ({reason}); give a number"
        ) from None
    steps = RandomSteps(prepared)
    found: int | None = None
    taken: list[float] = []
    for size in sizes:
        # Twice the pictures take twice what the last doubling took. Where processes wait for each other, none may run
        # out of memory alone.
        needed = taken[-1] + 2 * (taken[-1] - taken[-2]) if len(taken) > 1 else 0.0
        if processes.any(needed > room):
            return found, needed
        memory.forget_peak(device)
        try:
            steps.take(size)
            wait(device)
            needed = float(memory.peak_reserved(device))
        except RuntimeError as error:
            if not memory.ran_out(error):
                raise
            if processes.world > 1:
                raise UserError(
                    f"training.batch auto: a step of {size} ran out of memory in one of {processes.world} processes: "
                    "give training.batch as a number"
                ) from None
            needed = max(2 * taken[-1] if taken else 0.0, room)
            taken.append(2 * room)
        else:
            taken.append(needed)
        prepared.learner.stepper.zero_grad()
        gc.collect()
        memory.give_back(device)
        if processes.any(taken[-1] > room):
            return found, needed
        found = size
    return found, 0.0


def _fitting_cpu(prepared: Prepared, sizes: list[int]) -> Found:
    """Take steps of two and of four pictures a chunk on the CPU, and extrapolate."""
    measured = PeakMemory.begin()
    free, before = available_memory(), PeakMemory.now()
    if free is None or not measured:
        raise UserError(
            "training.batch auto: this machine does not say how much memory there is and is taken; give a number"
        )
    room = CPU_SHARE * free - (prepared.recipe.data.cache_mb << 20)
    # Once for what stays: the optimiser's state, the average of the weights, and kernels that are made for the shapes.
    steps = RandomSteps(prepared)
    steps.take(sizes[0])
    taken = [_taken(steps, sizes[0], before)]
    if len(sizes) > 1 and not prepared.compute.processes.any(2 * taken[0] > room):
        taken.append(_taken(steps, sizes[1], before))
    waiting = _waiting(prepared)
    each = (taken[1] - taken[0] if len(taken) > 1 else taken[0]) / sizes[0] + waiting
    found: int | None = None
    for size in sizes:
        needed = taken[0] + max(each, 0.0) * (size - sizes[0]) + waiting * sizes[0]
        if prepared.compute.processes.any(needed > room):
            return found, needed
        found = size
    return found, 0.0


def _taken(steps: RandomSteps, size: int, before: int) -> float:
    """The memory that a step takes on top of what was there before the first."""
    PeakMemory.begin()
    steps.take(size)
    return max(PeakMemory.bytes() - before, 0)


def _waiting(prepared: Prepared) -> float:
    """The bytes of a picture in the batches that loader processes keep ready, in each process its share of them."""
    pictures, count = SMALLEST, 0

    def counted(tensor: Tensor) -> Tensor:
        nonlocal count
        count += tensor.nbytes
        return tensor

    random_batch(prepared, pictures).mapped(counted)
    return (PREFETCH * prepared.loader_workers + 1) * count / pictures / prepared.compute.processes.world
