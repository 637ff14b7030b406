"""Loader processes: how many a training starts, where its settings leave it open, and what it says where one dies."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from sceneparse.errors import UserError
from sceneparse.processes.machine import usable_cores

MOST = 16
"""Loader processes at most, each of which holds a share of the cache and batches of its own."""

CORES_A_WORKER = 8
"""Where steps are computed on the CPU: cores whose steps one loader process keeps fed."""


def loader_workers(setting: int | Literal["auto"], device: str) -> int:
    """Return the number of loader processes.

    On a GPU they get all cores but one, which the training itself keeps busy. On the CPU the step wants all cores, and
    a picture takes it many times what loading takes: one process hides the loading, a second only takes time from the
    step. With one core, nothing can be hidden.

    Args:
        setting: `data.workers`: a number stays as it is.
        device: The type of the device that computes the steps, such as "cuda".
    """
    if setting != "auto":
        return setting
    cores = usable_cores()
    if device != "cpu":
        return min(MOST, max(1, cores - 1))
    return 0 if cores == 1 else min(MOST, max(1, cores // CORES_A_WORKER))


@contextmanager
def deaths_named() -> Iterator[None]:
    """Turn what PyTorch raises where a loader process has died into a line that says what to do.

    It raises that where a batch is waited for, and, by a signal handler, wherever the training just is.

    Raises:
        UserError: A loader process has died.
    """
    try:
        yield
    except RuntimeError as error:
        # torch has no class for it.
        said = " ".join(str(error).split())
        if not said.startswith("DataLoader worker (pid"):
            raise
        outside = any(signal in said for signal in ("Terminated", "Hangup", "Interrupt"))
        memory = ", most often for want of memory: lower data.workers or data.cache_mb"
        why = ": something outside the program ended it; start again" if outside else memory
        raise UserError(f"a loader process died ({said}){why}") from None
