"""How many loader processes a training starts, where its settings leave it open."""

from typing import Literal

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
