"""Where a program may look at a number that it computed without making the device wait.

On a CPU a tensor's numbers are there. A GPU works through a queue: to read a number, the program waits until the queue
has come to it, and while it then goes on, the queue is empty and the device idle. So on a GPU nothing is read within a
step: both ways of a decision are computed, or the one is taken that is right in every case.
"""

import torch
from torch import Tensor

from sceneparse.devices.memory import BESIDE, downloads

FREE = frozenset({"cpu"})
"""The types of devices whose numbers are read without a wait."""

SAFE = frozenset({"cpu", "cuda"})
"""The types of devices from which a copy that isn't waited for is known to be whole when its event is."""


def reads_are_free(device: torch.device) -> bool:
    """Return whether numbers on a device can be read without a wait."""
    return device.type in FREE


class Arriving:
    """A tensor on its way into main memory, while a CUDA device goes on.

    Args:
        values: The tensor, on any device.
        beside: Whether a CUDA device may copy it beside what it is told to compute from now on, not before that, as it
            does from `BESIDE` bytes on. Nothing may write into the tensor any more, as a replayed graph would.
    """

    def __init__(self, values: Tensor, *, beside: bool = False) -> None:
        values = values.detach()
        self._there: torch.cuda.Event | None = None
        if not values.is_cuda:
            self._here = values.to("cpu", non_blocking=values.device.type in SAFE)
            return
        computing = copying = torch.cuda.current_stream(values.device)
        if beside := beside and values.nbytes >= BESIDE:
            copying = downloads(values.device)
            copying.wait_stream(computing)
        with torch.cuda.stream(copying):
            self._here = values.to("cpu", non_blocking=True)  # pinned memory
        if beside:
            # The memory is that of the stream that computes, and must not become another tensor's there before.
            values.record_stream(copying)
        self._there = torch.cuda.Event()
        self._there.record(copying)

    def values(self) -> Tensor:
        """Return the tensor in main memory; waits until it is there."""
        if self._there is not None:
            self._there.synchronize()
        return self._here
