"""Recording a CUDA graph, on a CPU that plays the part of CUDA and notes what is asked of it, in order."""

import contextlib
import threading
from collections.abc import Iterator
from contextvars import ContextVar

import pytest
import torch
from torch import Tensor
from torch.backends import cudnn

from sceneparse.devices import float32_products
from sceneparse.inference.cuda_recorder import CudaRecorder, Staging, in_fresh_thread
from sceneparse.inference.graphs import Graphs
from tests.support.gpus import needs_cuda

CPU = torch.device("cpu")


class Event:
    """Notes where it is recorded, and that it is waited for."""

    def __init__(self, done: list[str]) -> None:
        self._done = done

    def record(self, stream: "Stream") -> None:
        self._done.append(f"record on {stream.device}")

    def synchronize(self) -> None:
        self._done.append("wait")

    def waited_by(self, stream: "Stream") -> None:
        self._done.append(f"{stream.device} waits")


class Stream:
    def __init__(self, done: list[str], device: object = "the current device") -> None:
        self.device = device
        done.append("new stream")

    def wait_stream(self, _: "Stream") -> None: ...

    def wait_event(self, event: Event) -> None:
        event.waited_by(self)


class Graph:
    def replay(self) -> None: ...


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What was asked of CUDA, while the CPU stands for it."""
    done: list[str] = []
    usual, empty = Stream([]), torch.empty_like
    handles = iter(range(1, 100))

    @contextlib.contextmanager
    def graph(_: Graph, *, pool: int, stream: Stream, capture_error_mode: str) -> Iterator[None]:
        assert capture_error_mode == "thread_local"
        done.append(f"begin in {pool}")
        assert isinstance(stream, Stream) and stream is not usual
        yield
        done.append("end")

    with monkeypatch.context() as patch:
        patch.setattr(torch.cuda, "graph", graph)
        patch.setattr(torch.cuda, "CUDAGraph", Graph)
        patch.setattr(torch.cuda, "Stream", lambda: Stream(done))
        patch.setattr(torch.cuda, "Event", lambda: Event(done))
        patch.setattr(torch.cuda, "current_stream", lambda device=None: usual if device is None else Stream([], device))
        patch.setattr(torch.cuda, "current_device", lambda: 0)
        patch.setattr(torch.cuda, "stream", lambda _: contextlib.nullcontext())
        patch.setattr(torch.cuda, "graph_pool_handle", lambda: next(handles))
        patch.setattr(torch, "empty_like", lambda like, **_: empty(like))
        patch.setattr(torch._C, "_cuda_clearCublasWorkspaces", lambda: done.append("clear"), raising=False)
        for name in ("_cuda_endAllocateToPool", "_cuda_releasePool"):
            patch.setattr(torch._C, name, lambda *what, name=name: done.append(f"{name}{what}"), raising=False)
        yield done


def pictures(side: int = 4) -> Tensor:
    return torch.ones(1, 3, side, side)


def test_nothing_is_recorded_before_it_was_computed_twice_and_cublas_has_memory_of_the_graphs(done: list[str]) -> None:
    def compute(one: Tensor) -> tuple[Tensor]:
        done.append(f"compute, {cudnn.benchmark=}")
        return (2 * one,)

    CudaRecorder(CPU)(compute, pictures())
    computed = "compute, cudnn.benchmark=True"
    assert done == ["new stream", computed, computed, "clear", "begin in 1", computed, "end", "clear"]
    assert not cudnn.benchmark


def test_what_was_compiled_is_not_looked_at(done: list[str]) -> None:
    def compute(one: Tensor) -> tuple[Tensor]:
        done.append(str(len(torch.utils._python_dispatch._get_current_dispatch_mode_stack())))
        return (one,)

    CudaRecorder(CPU, compiled=True)(compute, pictures())
    assert [one for one in done if one.isdigit()] == ["0", "0"]


def test_what_reads_a_number_back_is_never_recorded(done: list[str]) -> None:
    def compute(one: Tensor) -> tuple[Tensor]:
        return (one * float(one.max()),)

    graphs = Graphs(CudaRecorder(CPU), before=0)
    for _ in range(2):
        (found,) = graphs(compute, pictures(), CPU)
        assert found is not None and torch.equal(found, pictures())
    assert done == ["new stream"]
    assert graphs.failure is not None and "waits for a number of the device" in graphs.failure


def test_graphs_share_a_stream_and_memory_until_the_last_of_them_is_gone(done: list[str]) -> None:
    recorder = CudaRecorder(CPU)
    first = recorder(lambda one: (one,), pictures())
    second = recorder(lambda one: (one,), pictures(8))
    del first
    third = recorder(lambda one: (one,), pictures(16))
    del second, third
    fourth = recorder(lambda one: (one,), pictures())
    assert [one for one in done if one.startswith("begin")] == [*["begin in 1"] * 3, "begin in 2"]
    assert done.count("new stream") == 1
    del fourth


def test_after_a_recording_that_failed_the_allocator_is_told_and_its_memory_is_left_alone(done: list[str]) -> None:
    def fails(one: Tensor) -> tuple[Tensor]:
        if any(step.startswith("begin") for step in done[-1:]):
            raise RuntimeError("operation not permitted when stream is capturing")
        return (one,)

    recorder = CudaRecorder(CPU)
    kept = recorder(lambda one: (one,), pictures())
    with pytest.raises(RuntimeError, match="not permitted"):
        recorder(fails, pictures())
    assert done[-4:] == ["begin in 1", "_cuda_endAllocateToPool(0, 1)", "_cuda_releasePool(0, 1)", "clear"]
    again = recorder(lambda one: (one,), pictures())
    assert "begin in 2" in done and kept is not again


def test_the_next_pictures_wait_until_those_before_have_left(done: list[str]) -> None:
    there = torch.zeros(1, 3, 4, 4)
    staging = Staging(there)
    for value in (1.0, 2.0):
        staging.bring(torch.full((1, 3, 4, 4), value))
        assert bool((there == value).all())
    assert done == ["wait", "record on cpu"] * 2, "on the current device the copy would not be waited for"


def test_many_bytes_travel_beside_and_nothing_is_written_over_that_is_still_read(
    done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = Stream([], "uploads")
    monkeypatch.setattr("sceneparse.inference.cuda_recorder.BESIDE", 4 * 3 * 4 * 4)
    monkeypatch.setattr("sceneparse.inference.cuda_recorder.uploads", lambda _: uploads)
    there = torch.zeros(1, 3, 4, 4)
    staging = Staging(there)
    assert done == ["record on cpu"], "the memory may have been another tensor's"
    done.clear()
    for value in (1.0, 2.0):
        staging.bring(torch.full((1, 3, 4, 4), value))
        assert bool((there == value).all())
    assert done == ["wait", "uploads waits", "record on uploads", "cpu waits", "record on cpu"] * 2


def test_a_fresh_thread_computes_as_the_one_that_waits_for_it() -> None:
    name: ContextVar[str] = ContextVar("name", default="")
    name.set("mine")

    def seen() -> tuple[object, ...]:
        with float32_products("float32"):  # another thread would wait for ever
            pass
        modes = torch.is_inference_mode_enabled(), torch.is_grad_enabled(), torch.is_autocast_enabled("cpu")
        return threading.get_ident(), name.get(), *modes, torch.get_autocast_dtype("cpu")

    with torch.inference_mode(), torch.autocast("cpu", torch.float16), float32_products("tf32"):
        thread, *found = in_fresh_thread(seen, CPU)
    assert found == ["mine", True, False, True, torch.float16] and thread != threading.get_ident()
    with torch.no_grad():
        assert in_fresh_thread(seen, CPU)[2:5] == (False, False, False)
    with pytest.raises(ZeroDivisionError):
        in_fresh_thread(lambda: 1 // 0, CPU)


@needs_cuda
def test_a_network_that_reads_a_number_leaves_the_allocator_whole() -> None:
    device = torch.device("cuda", torch.cuda.current_device())
    graphs = Graphs(CudaRecorder(device), before=0)
    with torch.inference_mode():
        (found,) = graphs(lambda one: (one * float(one.max()),), pictures(), device)
        assert found is not None and graphs.failure is not None
        torch.cuda.empty_cache()  # asserts that no recording is under way
        recorded = Graphs(CudaRecorder(device), before=0, most=1)
        for side in (4, 8, 4, 16):
            (found,) = recorded(lambda one: (one @ one,), pictures(side), device)
            assert found is not None and torch.equal(found.cpu(), pictures(side) * side)
        assert recorded.failure is None
