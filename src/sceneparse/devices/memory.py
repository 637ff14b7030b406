"""The memory of devices: bringing tensors there, what is left of it, and what was taken at most."""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

OUT_OF_MEMORY = ("out of memory", "ALLOC_FAILED", "can't allocate memory")
"""What errors say that are plain RuntimeErrors: the driver's, cuBLAS' and cuDNN's, PyTorch's own on CPUs."""


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on a device; on CUDA without waiting for the copy.

    On Apple's GPUs a copy that isn't waited for reads memory that may be another tensor's by then, and the values are
    wrong without an error (pytorch/pytorch issues 139550 and 189690); of Intel's it is not known to be safe.
    """
    return tensor.to(device, non_blocking=device.type == "cuda")


BESIDE = 4 << 20
"""Bytes from which a copy goes beside what is computed: 80 µs of a PCIe 5 bus. For fewer, two streams that wait for
each other cost about what they save. By the bus' figures; not measured."""


OWN = -1
"""The priority of streams for copies. PyTorch hands out 32 streams of each priority again and again: of the usual one
they would at some time be those on which a graph is recorded."""


@lru_cache(maxsize=16)
def uploads(device: torch.device) -> torch.cuda.Stream:
    """Return the CUDA stream on which tensors are brought to a device while it computes what came before."""
    return torch.cuda.Stream(device, priority=OWN)


@lru_cache(maxsize=16)
def downloads(device: torch.device) -> torch.cuda.Stream:
    """Return the CUDA stream on which results are brought to main memory while a device computes what comes next.

    It is another one than that of `uploads`: a GPU copies both ways at once, but a stream is one queue.
    """
    return torch.cuda.Stream(device, priority=OWN)


def tells_memory(device: torch.device) -> bool:
    """Return whether PyTorch says how much memory of a device was taken at most: CUDA's and Intel's, not Apple's."""
    return device.type in ("cuda", "xpu")


def available(device: torch.device) -> int:
    """Return the bytes that this process can have on a GPU: what is free, and what it keeps already.

    Raises:
        RuntimeError: The driver doesn't say.
    """
    module = _module(device)
    return int(module.mem_get_info(device)[0] + module.memory_reserved(device))


def give_back(device: torch.device) -> None:
    """Give what this process keeps of a GPU's memory, and doesn't use, back to the GPU."""
    _module(device).empty_cache()


def forget_peak(device: torch.device) -> None:
    """Begin to look for peaks anew."""
    _module(device).reset_peak_memory_stats(device)


def allocated(device: torch.device) -> int:
    """Return the bytes that tensors take."""
    return int(_module(device).memory_allocated(device))


def peak_allocated(device: torch.device) -> int:
    """Return the most bytes that tensors took since `forget_peak`."""
    return int(_module(device).max_memory_allocated(device))


def peak_reserved(device: torch.device) -> int:
    """Return the most bytes that this process kept since `forget_peak`: tensors, and the gaps between them."""
    return int(_module(device).max_memory_reserved(device))


def ran_out(error: Exception) -> bool:
    """Return whether an error says that there was not enough memory, PyTorch's or a library's that it calls."""
    text = str(error)
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(words in text for words in OUT_OF_MEMORY)


def _module(device: torch.device) -> Any:
    return torch.get_device_module(device)
