"""Which of cuDNN's kernels compute convolutions on NVIDIA GPUs: by a rule, or by measurement."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_free = threading.Lock()
_users = 0
_before = False


@contextmanager
def measured_convolutions() -> Iterator[None]:
    """Take, while it lasts, the kernel that is measured as the fastest for each convolution of a new shape.

    What was measured is each thread's own, as are the kernels that a rule named for it before, which stay: a thread
    measures the shapes that it has not met yet. Convolutions may then be rounded differently in another process. So
    nothing changes where PyTorch is asked to be deterministic.

    The setting is global to a process; what was set before holds again when the last thread leaves. `cudnn.flags` would
    set TF32 as well.
    """
    global _users, _before
    if torch.backends.cudnn.deterministic or torch.are_deterministic_algorithms_enabled():
        yield
        return
    with _free:
        if not _users:
            _before = torch.backends.cudnn.benchmark
            torch._C._set_cudnn_benchmark(True)
        _users += 1
    try:
        yield
    finally:
        with _free:
            _users -= 1
            if not _users:
                torch._C._set_cudnn_benchmark(_before)
