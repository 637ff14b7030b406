"""Whether the kernels can run on a tensor; otherwise callers take their general path."""

import os
import warnings
from functools import lru_cache

import torch
from torch import Tensor

TYPES = (torch.float32, torch.bfloat16, torch.float16)
"""Types of logits that the kernels read. They compute in float32, so float64 is not among them."""

LARGEST = 1 << 30
"""What twice a side of the small map times the side of the picture must stay below: positions are whole numbers."""
BEYOND = 32
"""How many pixels beyond a picture's side a tile of a kernel may reach."""


def usable(logits: Tensor, size: tuple[int, int]) -> bool:
    """Return whether the kernels can upsample these logits to a size: on a GPU with a Triton that works there.

    With TRITON_INTERPRET=1 in the environment they run on CPUs, in Triton's interpreter, for tests.

    Args:
        logits: (..., h, w).
        size: Height and width of the picture.
    """
    if logits.dtype not in TYPES or not logits.numel() or not size[0] * size[1]:
        return False
    if max(2 * small * (large + BEYOND) for small, large in zip(logits.shape[-2:], size, strict=True)) >= LARGEST:
        return False
    return launchable(logits.device)


def launchable(device: torch.device) -> bool:
    """Return whether kernels can be launched on a device; see `usable`."""
    if device.type == "cpu":
        return os.environ.get("TRITON_INTERPRET") == "1" and installed()
    return device.type == "cuda" and installed() and runs_on(device)


@lru_cache(maxsize=1)
def installed() -> bool:
    """Return whether Triton can be imported. It comes with PyTorch's builds for CUDA on Linux."""
    try:
        import triton  # noqa: F401 - only whether it can be imported
    except ImportError:
        return False
    return True


@lru_cache(maxsize=64)
def runs_on(device: torch.device) -> bool:
    """Return whether a small kernel can be launched on a device; where it can't, warn once with the reason.

    Triton needs a recent GPU, and a C compiler for the code that launches its kernels. The first call compiles: it has
    no business in the capture of a graph.
    """
    from sceneparse.networks.exact.kernels.probe import probe

    try:
        probe(device)
    except Exception as error:  # whatever a compiler, a linker or a driver raises
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        warnings.warn(
            f"Triton does not work on {device} ({reason[:200]}): labels and losses take PyTorch's slower path there",
            stacklevel=2,
        )
        return False
    return True
