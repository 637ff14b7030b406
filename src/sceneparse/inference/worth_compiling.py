"""When a network is compiled though nobody asked for it: once so much work is ahead that the compiler's time pays.

Whoever goes through many pictures says how many are still to come. Each size of pictures begins with a recorded graph,
which costs next to no wait, and from the time of that graph it is reckoned what is ahead of it.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sceneparse.devices import wait
from sceneparse.errors import counted
from sceneparse.inference.compiled_sizes import FIXED
from sceneparse.inference.graphs import Found, Key, Recorder, Replay
from sceneparse.processes import leads
from sceneparse.progress import roughly

COMPILING = 60.0
"""Seconds that PyTorch's compiler takes for a size: what `--engine compile` says as well. Not measured on a GPU."""

SAVED = 0.1
"""The share of a graph's time that compiled kernels are expected to save. On an H200 `torch.compile` took 40% off a
plain PSPNet-50 in bfloat16 (6.18 to 3.69 ms) and 24% off a UPerNet-50 (7.41 to 5.64 ms), for nine tenths of which the
card waited for Python: a wait that a graph has saved already. What is left was not measured, so little is expected."""

EVIDENCE = 100
"""Pictures of a run, and of a size, from which what is ahead is reckoned. It is reckoned anew whenever twice as many
are there: a folder may hold one size behind the other."""


class Amount(NamedTuple):
    """How much of a run is done.

    Args:
        done: Pictures that are done, those that needed no scores among them.
        left: Pictures that are still to come.
    """

    done: int
    left: int


Tell = Callable[[], Amount | None]
"""Tells how much of a run is done; None where that is not known (yet)."""


class WorthCompiling:
    """Has a network compiled for a size of pictures that has a graph, once enough of them are still to come.

    Where it cannot be compiled the graphs stay, and a line on standard error says why.

    Args:
        compute: Computes with the compiled network, of pictures on the device and what is asked for; compiles it first.
        record: Records that.
        device: Where.

    Attributes:
        sizes: For which it was compiled.
        failure: Why nothing more is compiled.
    """

    def __init__(self, compute: Callable[[Tensor, Any], Found], record: Recorder, device: torch.device) -> None:
        self.sizes: set[Key] = set()
        self.failure: str | None = None
        self._compute, self._record, self._device = compute, record, device
        self._tell: Tell | None = None
        self._replayed, self._due = Counter[Key](), dict[Key, int]()

    def describe(self) -> str:
        """Return what was compiled, or why nothing more is, to be put behind an engine's description."""
        said = f", compiled for {counted(len(self.sizes), 'size')}" if self.sizes else ""
        return said if self.failure is None else f"{said}, not compiled{' for more' * bool(said)} ({self.failure})"

    @contextmanager
    def expecting(self, tell: Tell) -> Iterator[None]:
        """Reckon with pictures that are still to come."""
        self._tell = tell
        try:
            yield
        finally:
            self._tell = None
            self._replayed.clear()
            self._due.clear()

    def better(self, key: Key, graph: Replay, pictures: Tensor) -> Replay | None:
        """Return the compiled network's graph, where it is to take the place of a graph; called before each replay.

        Args:
            key: What the graph is for.
            graph: The graph.
            pictures: What it is about to compute.
        """
        if self._tell is None or self.failure is not None or graph.compiled:
            return None
        if key not in self.sizes and not self._pays(key, graph, len(pictures)):
            return None
        return self._compiled(key, pictures)

    def _pays(self, key: Key, graph: Replay, count: int) -> bool:
        self._replayed[key] += count
        replayed = self._replayed[key]
        if replayed < self._due.get(key, EVIDENCE) or len(self.sizes) >= FIXED:
            return False
        amount = self._tell() if self._tell is not None else None
        if amount is None or amount.done < EVIDENCE:
            return False
        self._due[key] = 2 * replayed
        # A picture may be several of these: windows, scales, and its mirror image.
        ahead = replayed / amount.done * amount.left
        seconds = ahead * self._seconds(graph) / count
        if seconds * SAVED <= COMPILING:
            return False
        if leads():
            height, width = key[0][-2:]
            what = f"{roughly(seconds)} of computing {width}×{height} are still to come"
            how = "PyTorch compiles the network for that, which takes a minute or more"
            print(f"engine auto: {what}; {how}", file=sys.stderr, flush=True)
        return True

    def _seconds(self, graph: Replay) -> float:
        wait(self._device)
        began = time.perf_counter()
        graph.run()
        wait(self._device)
        return time.perf_counter() - began

    def _compiled(self, key: Key, pictures: Tensor) -> Replay | None:
        asked = key[-1]
        try:
            # Here, and not while it is recorded: other threads could record nothing for as long.
            self._compute(pictures.to(self._device), asked)
            graph = self._record(lambda those: self._compute(those, asked), pictures.to(self._device))
        except Exception as error:  # whatever a compiler raises: there is a graph that computes the same
            self.failure = " ".join(str(error).split("\n", 1)[0].split()) or type(error).__name__
            if leads():
                what = f"PyTorch cannot compile this network here ({self.failure})"
                print(f"engine auto: {what}; it goes on as it is, with CUDA graphs", file=sys.stderr, flush=True)
            return None
        self.sizes.add(key)
        return graph


def work_ahead(engine: object, tell: Tell) -> AbstractContextManager[None]:
    """Let an engine know how many pictures are still to come, for as long as this lasts.

    One that was chosen by `auto` on an NVIDIA GPU compiles its network if that pays; all others do as ever.

    Args:
        engine: What gives the pictures' scores.
        tell: Called now and then, by whoever asks for scores.
    """
    compiling = getattr(engine, "compiling", None)
    return nullcontext() if compiling is None else compiling.expecting(tell)
