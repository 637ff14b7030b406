"""Measure time and memory: functions that take turns, and one alone in a process of its own."""

import ctypes
import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch

from sceneparse.devices import memory, wait

Key = TypeVar("Key")
Run = Callable[[], object]
Say = Callable[[str], None]


class Quartiles(NamedTuple):
    """The median of some figures and their quartiles."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Quartiles":
        """Compute the quartiles of one value or more."""
        found = sorted(values)
        if len(found) == 1:
            return cls(*found * 3)
        low, middle, high = statistics.quantiles(found, n=4, method="inclusive")
        return cls(middle, low, high)


def take_turns(
    runs: Mapping[Key, Run], device: torch.device, repeats: int, warm_up: int, say: Say
) -> dict[Key, list[float]]:
    """Time functions in rounds; each round begins with another one.

    What else the machine does, and how warm it is, then meets all of them alike.

    Args:
        runs: The functions.
        device: Where they compute; it is waited for.
        repeats: Rounds that count.
        warm_up: Rounds before them.
        say: Called with how far it is.
    """
    times: dict[Key, list[float]] = {name: [] for name in runs}
    names = list(runs)
    for turn in range(warm_up + repeats if names else 0):
        say(f"round {turn - warm_up + 1} of {repeats}" if turn >= warm_up else "warming up")
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            wait(device)
            start = time.perf_counter()
            runs[name]()
            wait(device)
            if turn >= warm_up:
                times[name].append(1000 * (time.perf_counter() - start))
    return times


def peak_alone(make: Callable[..., Run], small: tuple[Any, ...], full: tuple[Any, ...], device: str) -> float:
    """Measure how many MiB a function needs at most, beyond an idle process with the same libraries.

    Args:
        make: Makes the function, importable.
        small: Its arguments for a small case, run first: what libraries set up on their first call isn't counted.
        full: Its arguments for the case that is measured. Weights count, and what building it leaves behind, but not
            what it takes to build: except where the system cannot forget a process's peak (all but Linux).
        device: Where it runs; of a GPU, its own memory is what counts.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_peak, make, small, full, device).result()


def _peak(make: Callable[..., Run], small: tuple[Any, ...], full: tuple[Any, ...], device: str) -> float:
    run = make(*small)
    run()
    del run
    gpu = torch.device(device)
    if gpu.type != "cpu":
        _tidy()
        memory.give_back(gpu)
        before = memory.allocated(gpu)
        run = make(*full)
        memory.forget_peak(gpu)
        _twice(run)
        return (memory.peak_allocated(gpu) - before) / 2**20
    _tidy()
    _forget_peak()
    before = _resident_peak()
    run = make(*full)
    _tidy()
    _forget_peak()
    _twice(run)
    return (_resident_peak() - before) / 2**20


def _twice(run: Run) -> None:
    """Run a function twice, since an optimiser's state is there only from the second step on."""
    run()
    run()


def _tidy() -> None:
    """Give free memory back to the system."""
    gc.collect()
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "malloc_trim"):
        library.malloc_trim(0)


def _forget_peak() -> None:
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _resident_peak() -> int:
    """Return the most bytes that this process has held; on Linux, since `_forget_peak`."""
    if sys.platform == "linux":  # here getrusage may show the parent's
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    elif sys.platform == "win32":  # noqa: RET505 - for mypy, which looks at one platform
        raise NotImplementedError("Windows does not say what a process had at most")
    else:
        import resource  # Windows has none

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
