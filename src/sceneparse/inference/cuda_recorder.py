"""Record CUDA graphs: once is computed beside, once to see whether a graph can hold it, and once into the graph."""

import contextvars
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor

from sceneparse.devices.convolutions import measured_convolutions
from sceneparse.devices.memory import BESIDE, uploads
from sceneparse.inference.graphs import Compute, Replay
from sceneparse.inference.host_reads import RefusingHostReads
from sceneparse.networks.exact.constants import keeping

Result = TypeVar("Result")

_ONE_AT_A_TIME = threading.Lock()
"""PyTorch records one graph at a time in a process."""


class CudaRecorder:
    """Records with `torch.cuda.graph`; all graphs share their memory, since they never run at once.

    Args:
        device: A CUDA device.
        compiled: Whether what is computed was compiled: then it isn't looked at whether a graph can hold it.
    """

    def __init__(self, device: torch.device, *, compiled: bool = False) -> None:
        self._device = device
        self._compiled = compiled
        self._stream: torch.cuda.Stream | None = None
        self._pool: weakref.ref[_Pool] | None = None

    def __call__(self, compute: Compute, pictures: Tensor) -> Replay:
        """Record; see `Recorder`."""
        static = torch.empty_like(pictures)
        static.copy_(pictures)
        with _ONE_AT_A_TIME:
            return in_fresh_thread(partial(self._record, compute, static), static.device)

    def _record(self, compute: Compute, static: Tensor) -> Replay:
        here = torch.cuda.current_stream()
        # Another stream than the usual one, as recording wants it; always the same, since memory that a graph is done
        # with is used again only by what is recorded on the stream of that graph.
        if self._stream is None:
            self._stream = torch.cuda.Stream()
        aside = self._stream
        aside.wait_stream(here)
        with keeping() as kept, measured_convolutions():
            try:
                with torch.cuda.stream(aside):
                    compute(static)  # what is made at a first call is made here, and kernels are chosen
                    if not self._compiled:
                        with RefusingHostReads(static.device.type):
                            compute(static)
            finally:
                here.wait_stream(aside)
            pool = self._living_pool()
            graph, found = self._captured(partial(compute, static), pool, aside)
        staging = Staging(static)
        return Replay(staging.bring, found, graph.replay, (kept, pool, staging), self._compiled)

    def _captured(self, compute: Callable[[], Any], pool: "_Pool", stream: torch.cuda.Stream) -> tuple[Any, Any]:
        try:
            return capture(compute, pool.handle, stream)
        except BaseException:
            self._pool = self._stream = None
            raise

    def _living_pool(self) -> "_Pool":
        """Return the memory of the graphs that there are; with the last of them its handle ends, too."""
        pool = self._pool() if self._pool is not None else None
        if pool is None:
            pool = _Pool(torch.cuda.graph_pool_handle())
            self._pool = weakref.ref(pool)
        return pool


def capture(compute: Callable[[], Result], pool: Any, stream: torch.cuda.Stream) -> tuple[Any, Result]:
    """Record what is computed into a graph, on the current CUDA device.

    Args:
        compute: What is recorded: it was computed before, so that nothing is made or chosen in it.
        pool: The handle of the memory that it computes in.
        stream: Where it is recorded: not the usual one.

    Returns:
        The graph, which was not replayed yet, and what was returned: tensors that it writes.
    """
    graph = torch.cuda.CUDAGraph()
    # The workspace that cuBLAS had in another graph, or beside, is given back when PyTorch's compiler records
    # something, and is another tensor's then. A new one lies in the graphs' own memory.
    torch._C._cuda_clearCublasWorkspaces()
    try:
        # Other threads may copy pictures meanwhile.
        with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
            found = compute()
    except BaseException:
        # Where the end of a recording fails, PyTorch leaves the allocator in the middle of it.
        with suppress(RuntimeError):
            number = torch.cuda.current_device()
            torch._C._cuda_endAllocateToPool(number, pool)
            torch._C._cuda_releasePool(number, pool)
        raise
    finally:
        torch._C._cuda_clearCublasWorkspaces()
    return graph, found


class _Pool:
    """Memory of graphs, each of which holds this."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle


class Staging:
    """Brings pictures to where a graph reads them, through pinned memory: the program doesn't wait for the copy.

    From `BESIDE` bytes on they travel while the graph still reads those before: to a place beside, and from there.

    Args:
        there: What the graph reads.
    """

    def __init__(self, there: Tensor) -> None:
        self._there = there
        self._pinned = torch.empty_like(there, device="cpu", pin_memory=True)
        self._left = torch.cuda.Event()
        self._beside: Tensor | None = None
        if there.nbytes >= BESIDE:
            self._beside, self._taken = torch.empty_like(there), torch.cuda.Event()
            # The memory may have been another tensor's, which this stream is not done with.
            self._taken.record(torch.cuda.current_stream(there.device))

    def bring(self, pictures: Tensor) -> None:
        """Bring pictures, which may be changed as soon as this returns."""
        if pictures.device.type != "cpu":
            self._there.copy_(pictures, non_blocking=True)
            return
        self._left.synchronize()  # those before have left
        self._pinned.copy_(pictures)
        # Left to itself an event is recorded on the current device, which need not be this one.
        computing = torch.cuda.current_stream(self._there.device)
        if self._beside is None:
            self._there.copy_(self._pinned, non_blocking=True)
            self._left.record(computing)
            return
        copying = uploads(self._there.device)
        copying.wait_event(self._taken)
        with torch.cuda.stream(copying):
            self._beside.copy_(self._pinned, non_blocking=True)
        self._left.record(copying)
        computing.wait_event(self._left)
        self._there.copy_(self._beside, non_blocking=True)
        self._taken.record(computing)


def in_fresh_thread(function: Callable[[], Result], device: torch.device) -> Result:
    """Call a function in a thread that ends with it, as if it were this one.

    cuDNN's choice of kernels is each thread's own and made once for each shape; here it is made anew.

    Args:
        function: What is called, with this thread's device, stream, modes of autograd and of autocast, and context.
        device: A device of the type that is computed on.
    """
    kind = device.type
    modes: list[Callable[[], Any]] = [
        partial(torch.inference_mode, torch.is_inference_mode_enabled()),
        partial(torch.set_grad_enabled, torch.is_grad_enabled()),
    ]
    if torch.is_autocast_enabled(kind):
        # Without its cache: a graph would read casts of weights that end with the thread.
        modes.append(partial(torch.autocast, kind, torch.get_autocast_dtype(kind), cache_enabled=False))
    if kind == "cuda":
        # Of the device, which need not be this thread's current one. The stream sets that as well.
        modes.append(partial(torch.cuda.stream, torch.cuda.current_stream(device)))

    def call() -> Result:
        with ExitStack() as entered:
            for mode in modes:
                entered.enter_context(mode())
            return function()

    with ThreadPoolExecutor(1, "recording") as thread:
        return thread.submit(contextvars.copy_context().run, call).result()
