"""CUDA graphs: a network's kernels recorded once for each size of pictures, and started together from then on.

Started one by one from Python, the kernels of a PSPNet-50 keep an H200 waiting for nine tenths of the time. A graph has
fixed addresses: pictures are copied into one tensor, and results out of another before the next call writes over them.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from sceneparse.devices.memory import ran_out

Found = tuple[Tensor | None, ...]
"""What is computed of pictures; None where nothing is."""

Compute = Callable[[Tensor], Found]
"""Computes results of pictures on their device, without reading a number back."""

Key = tuple[tuple[int, ...], torch.dtype, Any]
"""What a graph is for: the pictures' shape and type, and what is asked for beside them."""

BEFORE = 2
"""Pictures of a size that are computed as they come before a graph is recorded for it: recording takes the time of
several, and a collection of photos may have as many sizes as pictures. They also let libraries choose their kernels.
"""

MOST = 8
"""Graphs that are kept, those that were used last."""


class Replay(NamedTuple):
    """A recorded graph.

    Args:
        bring: Brings pictures to where it reads them; they may be changed as soon as this returns.
        found: What it writes.
        run: Runs it.
        kept: What it reads besides, which must stay where it is.
        compiled: Whether it holds what a compiler has made.
    """

    bring: Callable[[Tensor], object]
    found: Found
    run: Callable[[], None]
    kept: object
    compiled: bool = False


Better = Callable[[Key, Replay, Tensor], Replay | None]
"""Gives the graph that takes the place of one that is about to compute pictures; None where it stays."""


class Recorder(Protocol):
    """What records a graph."""

    def __call__(self, compute: Compute, pictures: Tensor) -> Replay:
        """Record what is computed of pictures like these.

        Raises:
            RuntimeError: It cannot be recorded.
        """
        ...


class Graphs:
    """Computes results of pictures, by a recorded graph where a size comes again and again.

    What cannot be recorded is computed as it comes, for good; `failure` says why. Threads take turns with a graph: it
    has one tensor for pictures and one for results.

    Args:
        record: Records a graph.
        before: Pictures of a size before its graph is recorded.
        most: Graphs that are kept.
        better: Asked each time whether another graph is to take a graph's place from now on.
    """

    def __init__(
        self, record: Recorder, *, before: int = BEFORE, most: int = MOST, better: Better | None = None
    ) -> None:
        self.failure: str | None = None
        self._record, self._before, self._most, self._better = record, before, most, better
        self._graphs: OrderedDict[Key, Replay] = OrderedDict()
        self._met: OrderedDict[Key, int] = OrderedDict()
        self._turn = threading.Lock()

    def __call__(self, compute: Compute, pictures: Tensor, device: torch.device, asked: Hashable = None) -> Found:
        """Compute results.

        Args:
            compute: Computes them of pictures on the device; the same for the same `asked`.
            pictures: (N, C, H, W), on any device.
            device: Where to compute.
            asked: What is asked for, beside the pictures.

        Returns:
            Results that no later call changes.
        """
        key = (tuple(pictures.shape), pictures.dtype, asked)
        with self._turn:
            graph = self._graphs.get(key)
            if graph is None and self._due(key):
                graph = self._recorded(key, compute, pictures.to(device, non_blocking=True))
            if graph is not None:
                if self._better is not None and (better := self._better(key, graph, pictures)) is not None:
                    graph = self._graphs[key] = better
                self._graphs.move_to_end(key)
                graph.bring(pictures)
                graph.run()
                return tuple(None if one is None else one.clone() for one in graph.found)
        return compute(pictures.to(device, non_blocking=True))

    def _due(self, key: Key) -> bool:
        """Whether this size has come often enough."""
        if self.failure is not None:
            return False
        met = self._met.pop(key, 0)
        self._met[key] = met + 1
        # As many sizes as pictures would be remembered for nothing.
        if len(self._met) > 16 * self._most:
            self._met.popitem(last=False)
        return met >= self._before

    def _recorded(self, key: Key, compute: Compute, pictures: Tensor) -> Replay | None:
        while len(self._graphs) >= self._most:
            self._graphs.popitem(last=False)
        try:
            graph = self._record(compute, pictures)
        except RuntimeError as error:
            if ran_out(error):  # without the other graphs there may be room for the next one
                self._graphs.clear()
                self._met.pop(key, None)
                return None
            self.failure = " ".join(str(error).split("\n", 1)[0].split())
            return None
        self._graphs[key] = graph
        self._met.pop(key, None)
        return graph
