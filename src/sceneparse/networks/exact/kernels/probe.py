"""The smallest kernel there is, to find out whether Triton can compile and launch one."""

import torch
import triton
import triton.language as tl

from sceneparse.networks.exact.kernels.sides import on


def probe(device: torch.device) -> None:
    """Launch a kernel on a device.

    Raises:
        Exception: Whatever Triton, a compiler or a driver has to say.
    """
    number = torch.empty(1, device=device)
    with on(number):
        _probe[(1,)](number)


@triton.jit
def _probe(number: tl.tensor) -> None:
    tl.store(number, 1.0)
