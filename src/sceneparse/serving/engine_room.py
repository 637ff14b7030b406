"""The thread that computes, for all models, and the one that waits for what a CUDA GPU computes beside the program.

It is one, since an engine takes all of a machine's cores (or its GPU) by itself.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

from sceneparse.inference.later import Later
from sceneparse.parsing import Parse, Parser
from sceneparse.parsing.opening import PictureRead
from sceneparse.serving.guard import FAULTS
from sceneparse.serving.metrics import Metrics
from sceneparse.serving.pace import Paces


class Computed(NamedTuple):
    """A batch that was parsed.

    Args:
        parses: Its parses, in the order of its pictures.
        began: When it was begun, by `time.monotonic`.
        seconds: How long the engine was at it: from its beginning, or from the end of the batch before.
    """

    parses: list[Parse]
    began: float
    seconds: float


class EngineRoom:
    """Computes batches of pictures, in the order in which they are asked for.

    Args:
        parsers: The models by name.
        metrics: Is told of each batch.
        paces: Is told how long batches took, and measures models.

    Attributes:
        behind: So many batches are best begun before the one that is computed has ended; see `Parser.behind`.
    """

    def __init__(self, parsers: Mapping[str, Parser], metrics: Metrics, paces: Paces) -> None:
        self._parsers, self._metrics, self._paces = parsers, metrics, paces
        self.behind = min((parser.behind for parser in parsers.values()), default=0)
        self._engine = ThreadPoolExecutor(1, thread_name_prefix="sceneparse-engine")
        self._labels = ThreadPoolExecutor(1, thread_name_prefix="sceneparse-labels")
        self._busy = {self._engine: False, self._labels: False}
        self._ended = 0.0

    @property
    def computing(self) -> bool:
        """Whether a thread is at work; it is to the end of that, even when this is stopped meanwhile."""
        return any(self._busy.values())

    def stop(self) -> None:
        """Take no more work."""
        for thread in self._busy:
            thread.shutdown(wait=False, cancel_futures=True)

    async def parsed(self, model: str, reads: Sequence[PictureRead], begins: Callable[[], None]) -> Computed:
        """Parse pictures of one kind; with `behind` another call's may be begun before these have ended.

        Args:
            model: The model's name.
            reads: The pictures.
            begins: Called when their turn has come, in the thread that computes.

        Raises:
            UserError: As `Parser.parse_batch`, of any of them.
        """
        loop = asyncio.get_running_loop()

        def begin() -> tuple[float, list[Later[Parse]]]:
            with self._at_work(self._engine):
                begins()
                return time.monotonic(), self._parsers[model].begin(reads)

        def end(thread: ThreadPoolExecutor, began: float, parses: list[Later[Parse]]) -> Computed:
            with self._at_work(thread):
                found, ended = [parse() for parse in parses], time.monotonic()
                seconds, self._ended = ended - max(began, self._ended), ended
                self._paces.took(model, reads[0].size, seconds / len(reads))
                self._metrics.parsed(model, len(reads), seconds)
                return Computed(found, began, seconds)

        if not self.behind:
            return await loop.run_in_executor(self._engine, lambda: end(self._engine, *begin()))
        begun = await loop.run_in_executor(self._engine, begin)
        return await loop.run_in_executor(self._labels, end, self._labels, *begun)

    async def measure(self, model: str) -> None:
        """Measure a model anew."""
        await asyncio.get_running_loop().run_in_executor(self._engine, self._measure, model)

    def _measure(self, model: str) -> None:
        with self._at_work(self._engine):
            try:
                self._paces.measure_model(model, waited_for=True)
            except Exception as error:  # the next picture meets it too, and is answered
                FAULTS.warning("model %s cannot be measured: %s", model, " ".join(str(error).split())[:500])

    @contextmanager
    def _at_work(self, thread: ThreadPoolExecutor) -> Iterator[None]:
        self._busy[thread] = True
        try:
            yield
        finally:
            self._busy[thread] = False
