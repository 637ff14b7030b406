"""How float32 numbers are multiplied: as IEEE 754 says, or in TF32, for a while and then as before.

By PyTorch's own settings, convolutions of float32 numbers on NVIDIA GPUs are computed in TF32 (10 bits of the fraction
in place of 23) and matrix products are not, and nothing says so. Here float32 means float32, and TF32 is a precision by
its own name. The settings are global to a process, so that each computation sets its own and puts them back.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import torch

from sceneparse.devices.precisions import DTYPES, TF32, has_tf32

Operation = tuple[str, str]

OPERATIONS: tuple[Operation, ...] = (
    ("cuda", "matmul"),
    ("cuda", "conv"),
    ("cuda", "rnn"),
    ("mkldnn", "matmul"),
    ("mkldnn", "conv"),
)
"""What PyTorch has a setting for that reduces float32; mkldnn (oneDNN) computes on CPUs and on Intel's GPUs."""


@contextmanager
def float32_products(precision: str) -> Iterator[None]:
    """Multiply float32 numbers in TF32 if that is the precision, else as float32, while the context lasts.

    On a CPU, where there is no TF32, oneDNN is kept from rounding them to bfloat16 as well. What was set before holds
    again afterwards. Threads that compute in the same precision do so at the same time; one that wants the other waits,
    unless it runs in a copy of the other's context (`contextvars`), which is waiting for it.

    Args:
        precision: The name of the precision that is computed in. Also in bfloat16 and float16 some sums and products
            are of float32 numbers, which are then IEEE's, unless `products_beside` says otherwise.
    """
    _SWITCH.enter(precision == TF32)
    try:
        yield
    finally:
        _SWITCH.leave()


def products_beside(precision: str, device: torch.device) -> str:
    """Return what the products of float32 numbers are computed in, beside those of a precision, in inference.

    In 16-bit formats these are the products of numbers that had 8 or 11 bits before, summed in float32. On NVIDIA GPUs
    that have TF32 it keeps 11 bits of them and is an order of magnitude faster than float32, which is no work for
    tensor cores.

    Args:
        precision: What is computed in.
        device: Where.
    """
    if device.type == "cuda" and DTYPES[precision] != torch.float32 and has_tf32(device):
        return TF32
    return precision


class _State(NamedTuple):
    """PyTorch's settings: by operation, and those of its older interface, None where they contradict each other."""

    operations: dict[Operation, str]
    matmul: str | None
    cudnn: bool | None
    onednn: bool | None
    """That of Intel's GPUs; None where PyTorch is built without."""

    @classmethod
    def now(cls) -> "_State":
        operations = {one: torch._C._get_fp32_precision_getter(*one) for one in OPERATIONS}
        try:
            matmul = torch.get_float32_matmul_precision()
        except RuntimeError:  # set by both interfaces, to different ends
            matmul = None
        try:
            cudnn = torch._C._get_cudnn_allow_tf32()
        except RuntimeError:
            cudnn = None
        return cls(operations, matmul, cudnn, torch._C._get_onednn_allow_tf32())

    def restore(self) -> None:
        if self.matmul is not None:
            torch._C._set_float32_matmul_precision(self.matmul)
        if self.cudnn is not None:
            torch._C._set_cudnn_allow_tf32(self.cudnn)
        if self.onednn is not None:
            torch._C._set_onednn_allow_tf32(self.onednn)
        for operation, value in self.operations.items():
            torch._C._set_fp32_precision_setter(*operation, value)


def _set(tf32: bool) -> None:
    """Set both interfaces alike: PyTorch's compiler asks the older one, and fails where they contradict each other."""
    torch._C._set_float32_matmul_precision("high" if tf32 else "highest")
    torch._C._set_cudnn_allow_tf32(tf32)
    if torch._C._get_onednn_allow_tf32() is not None:  # PyTorch for Intel's GPUs
        torch._C._set_onednn_allow_tf32(tf32)
    for operation in OPERATIONS:
        torch._C._set_fp32_precision_setter(*operation, "tf32" if tf32 else "ieee")


class _Switch:
    """Sets the process's arithmetic for the threads that are computing, all of them in the same."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._entered: ContextVar[tuple[bool, ...]] = ContextVar("entered", default=())
        """What this thread has entered, the innermost last."""
        self._threads = 0
        self._tf32 = False
        self._before: _State | None = None

    def enter(self, tf32: bool) -> None:
        entered = self._entered.get()
        with self._free:
            if not entered:
                self._free.wait_for(lambda: not self._threads or self._tf32 == tf32)
                if not self._threads:
                    self._before = _State.now()
                    self._turn(tf32)
                self._threads += 1
            elif entered[-1] != tf32:
                self._turn(tf32)
        self._entered.set((*entered, tf32))

    def leave(self) -> None:
        *entered, left = self._entered.get()
        self._entered.set(tuple(entered))
        with self._free:
            if entered:
                if entered[-1] != left:
                    self._turn(entered[-1])
                return
            self._threads -= 1
            if not self._threads:
                assert self._before is not None
                self._before.restore()
                self._before = None
                self._free.notify_all()

    def _turn(self, tf32: bool) -> None:
        self._tf32 = tf32
        _set(tf32)


_SWITCH = _Switch()
