"""Loader processes: how many a training starts, how they begin and end, and what it says where one dies."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.util import Finalize
from typing import Any, Literal

import torch
from torch.utils.data import DataLoader, Dataset

from sceneparse.errors import UserError
from sceneparse.files import sized
from sceneparse.pictures.volumes import KEPT
from sceneparse.processes import end_with_parent
from sceneparse.processes.machine import usable_cores

MOST = 16
"""Loader processes at most, each of which holds a share of the cache and batches of its own."""

CORES_A_WORKER = 8
"""Where steps are computed on the CPU: cores whose steps one loader process keeps fed."""


def loader_workers(setting: int | Literal["auto"], device: str) -> int:
    """Return the number of loader processes.

    On a GPU they get all cores but one, which the training itself keeps busy. On the CPU the step wants all cores, and
    a picture takes it many times what loading takes: one process hides the loading, a second only takes time from the
    step. With one core, nothing can be hidden.

    Args:
        setting: `data.workers`: a number stays as it is.
        device: The type of the device that computes the steps, such as "cuda".
    """
    if setting != "auto":
        return setting
    cores = usable_cores()
    if device != "cpu":
        return min(MOST, max(1, cores - 1))
    return 0 if cores == 1 else min(MOST, max(1, cores // CORES_A_WORKER))


def loaded(dataset: Dataset[Any], *, workers: int, prefetch: int, **settings: Any) -> Iterator[Any]:
    """Return what a DataLoader gives, loaded in processes that last as long as the iterator and no longer.

    They leave Ctrl-C and SIGTERM, which reach them where a whole process group is signalled, to the process that
    started them: it may need them for what it does before it ends. They end with it, however it ends, and take a core
    each.

    Args:
        dataset: Where samples come from.
        workers: Loader processes; 0 loads in this one.
        prefetch: Batches, or samples where there are no batches, that each keeps ready.
        settings: Other arguments of the DataLoader.
    """
    # The loader draws a seed for its workers that they have no use for: not from the generator that training uses.
    settings |= {"num_workers": workers, "generator": torch.Generator()}
    if workers == 0:
        return iter(DataLoader(dataset, **settings))
    ending, end = multiprocessing.Pipe(duplex=False)
    iterator = iter(DataLoader(dataset, worker_init_fn=_Begin(ending), prefetch_factor=prefetch, **settings))
    # After the iterator, which asks its workers to end and waits for them, or before multiprocessing waits for them at
    # the end of the program: `terminate` would have no effect on one that hangs.
    Finalize(iterator, _ask, (end,), exitpriority=0)
    return iterator


def _ask(end: Connection) -> None:
    with suppress(OSError):  # all of them have ended
        end.send_bytes(b"end")


class _Begin:
    """What a worker begins with.

    Args:
        ending: Readable when the workers must end.
    """

    def __init__(self, ending: Connection) -> None:
        self._ending = ending

    def __call__(self, _: int) -> None:
        # Ignored rather than blocked: libraries that start threads when they are imported, such as OpenBLAS, may have
        # done so, and a signal to the process goes to any thread that doesn't block it.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        torch.set_num_threads(1)
        parent = multiprocessing.parent_process()
        assert parent is not None
        # The kernel's parent is the fork server's where that starts processes; then it takes a thread to notice.
        if os.getppid() == parent.pid:
            end_with_parent()
        threading.Thread(target=self._watch, args=(parent.sentinel,), daemon=True).start()

    def _watch(self, parent: int) -> None:
        connection.wait([parent, self._ending])
        os._exit(0)


@contextmanager
def deaths_named() -> Iterator[None]:
    """Turn what PyTorch raises where a loader process has died into a line that says what to do.

    It raises that where a batch is waited for, and, by a signal handler, wherever the training just is.

    Raises:
        UserError: A loader process has died.
    """
    try:
        yield
    except RuntimeError as error:
        # torch has no class for it.
        said = " ".join(str(error).split())
        if not said.startswith("DataLoader worker (pid"):
            raise
        outside = any(signal in said for signal in ("Terminated", "Hangup", "Interrupt"))
        memory = (
            ", most often for want of memory: lower data.workers or data.cache_mb, or unpack volumes, of whose .nii.gz "
            f"each process keeps up to {sized(KEPT)}"
        )
        why = ": something outside the program ended it; start again" if outside else memory
        raise UserError(f"a loader process died ({said}){why}") from None
