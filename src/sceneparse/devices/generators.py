"""The states of random generators: the CPU's and that of the device that is computed on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def kept_generators(device: torch.device) -> Iterator[None]:
    """Put the generators of the CPU and of a device back, afterwards, to the states that they had before.

    Args:
        device: What is computed on.
    """
    # Apple's have one generator and no number to name it by.
    own: tuple[torch.device, ...] = () if device.type in ("cpu", "mps") else (device,)
    module: Any = torch.get_device_module(device)
    with torch.random.fork_rng(devices=[]):
        before = [module.get_rng_state(*own)] if device.type != "cpu" else []
        try:
            yield
        finally:
            for state in before:
                module.set_rng_state(state, *own)
