"""The queue of pictures: bounded, decoded just before their turn, and parsed one batch after the other.

One thread computes, for all models, since an engine takes all of a machine's cores (or its GPU) by itself. Two more
decode pictures and encode answers meanwhile. At most a few pictures are decoded at a time: what waits is what was sent.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

import torch

from sceneparse.devices.memory import ran_out
from sceneparse.errors import counted
from sceneparse.parsing import Parse, Parser
from sceneparse.parsing.batches import parse_together
from sceneparse.parsing.opening import PictureRead
from sceneparse.serving.guard import FAULTS
from sceneparse.serving.metrics import Metrics
from sceneparse.serving.pace import Paces
from sceneparse.serving.problems import Problem

T = TypeVar("T")
Decode = Callable[[Parser], PictureRead]
_CODEC_THREADS = 2
"""Threads that decode and encode."""

_SLACK = 1.25
"""A picture that waits is sent away if it would take so many times what is left: times are not that regular, and the
largest that are taken would else be sent away for the moment in which they were decoded."""


@dataclass(frozen=True)
class Parsed:
    """A parse with its times.

    Args:
        parse: The parse.
        waited: Seconds until its turn came, decoding included.
        seconds: Seconds that parsing took, for its whole batch.
    """

    parse: Parse
    waited: float
    seconds: float


@dataclass(eq=False)
class _Job:
    """A decoded picture that waits for its turn."""

    model: str
    read: PictureRead
    came: float
    future: "asyncio.Future[Parsed]"
    ready: float = field(default_factory=time.monotonic)
    begun: bool = False

    @property
    def kind(self) -> tuple[str, tuple[int, ...]]:
        """Pictures with the same model and shape can be parsed in one batch."""
        return self.model, (*self.read.image.shape, *self.read.size)


class Batcher:
    """A bounded queue of pictures that are parsed in batches, one batch at a time.

    Args:
        parsers: The models by name.
        batch: How many pictures of one size and model are parsed at once; 1: each by itself.
        wait: Seconds that a picture waits at most for others that are just being decoded.
        queue: So many are queued: they wait, are parsed, or their answer is written.
        seconds: The time limit of each, from coming to the end of its parse.
        metrics: What is counted.
        paces: Is told how long parses took, and says how long one would take.
    """

    def __init__(
        self,
        parsers: Mapping[str, Parser],
        *,
        batch: int,
        wait: float,
        queue: int,
        seconds: float,
        metrics: Metrics,
        paces: Paces,
    ) -> None:
        self._parsers = parsers
        self.batch, self._wait, self._queue, self._seconds = batch, wait, queue, seconds
        self._metrics, self._paces = metrics, paces
        self._ready: list[_Job] = []
        self._to_measure: list[str] = []
        self._changed = asyncio.Event()
        self._ahead = asyncio.Semaphore(max(_CODEC_THREADS + 1, 2 * batch))
        self._engine_room = ThreadPoolExecutor(1, thread_name_prefix="sceneparse-engine")
        self._codecs = ThreadPoolExecutor(_CODEC_THREADS, thread_name_prefix="sceneparse-codec")
        self._pump: asyncio.Task[None] | None = None
        self._began: float | None = None
        self._pace = 1.0  # seconds a picture, a moving average
        self._decoding = 0
        self.waiting = 0
        """Pictures that are queued."""
        self.failed = asyncio.Event()
        """Set when the device has failed in a way that no later batch recovers from: nothing is parsed any more."""
        self.computing = False
        """Whether a batch is being computed; it is to its end, even when this is stopped meanwhile."""

    def start(self) -> None:
        """Start parsing in the running event loop."""
        self._pump = asyncio.create_task(self._run(), name="sceneparse-batcher")

    def stop(self) -> None:
        """Stop parsing, and take no more pictures."""
        if self._pump is not None:
            self._pump.cancel()
            self._pump = None
        self._engine_room.shutdown(wait=False, cancel_futures=True)
        self._codecs.shutdown(wait=False, cancel_futures=True)

    @property
    def ready(self) -> bool:
        """Whether pictures are being parsed, and no batch has been computing for twice the time limit."""
        hung = self._began is not None and time.monotonic() - self._began > 2 * self._seconds
        return self._pump is not None and not self._pump.done() and not hung and not self.failed.is_set()

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Call a function in one of the threads that decode and encode."""
        return await asyncio.get_running_loop().run_in_executor(self._codecs, function)

    @contextmanager
    def queued(self) -> Iterator[None]:
        """Count a picture as queued within the context: from its arrival until its answer is written.

        Raises:
            Problem: 503, the line is full.
        """
        if self.failed.is_set():
            raise device_failed()
        if self.waiting >= self._queue or self._pump is None:
            raise self._busy(f"The service is busy: {counted(self.waiting, 'picture')} already waiting or parsed.")
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    def refuse(self, model: str, size: tuple[int, int]) -> None:
        """Refuse a picture that is too large; where what is known of the model is old, it is measured again.

        That waits until no other picture does.

        Args:
            model: The model's name.
            size: The picture's height and width.

        Raises:
            Problem: As in `Paces.refuse`.
        """
        try:
            self._paces.refuse(model, size)
        except Problem:
            if self.ready and self._paces.due(model):
                self._to_measure.append(model)
                self._changed.set()
            raise

    async def parse(self, model: str, decode: Decode) -> Parsed:
        """Parse a queued picture when its turn comes.

        Args:
            model: The model's name.
            decode: Reads the picture from what was sent; called in a thread just before the turn.

        Raises:
            Problem: 503 the turn didn't come in time, 504 the parse took too long; and what `decode` raises.
        """
        came = time.monotonic()
        job: _Job | None = None
        try:
            async with asyncio.timeout(self._seconds), self._ahead:
                read = await self._decoded(self._parsers[model], decode)
                if self.failed.is_set():
                    raise device_failed()
                job = _Job(model, read, came, asyncio.get_running_loop().create_future())
                self._ready.append(job)
                self._changed.set()
                return await job.future
        except TimeoutError:
            if job is not None and job.begun:
                raise Problem(
                    504,
                    "too-slow",
                    f"Parsing took longer than the {self._seconds:g} seconds that this service allows. Send a smaller "
                    "picture.",
                ) from None
            raise self._busy(f"The service is busy: no turn came within {self._seconds:g} seconds.") from None

    async def _decoded(self, parser: Parser, decode: Decode) -> PictureRead:
        self._decoding += 1
        try:
            return await self.in_thread(lambda: decode(parser))
        finally:
            self._decoding -= 1
            self._changed.set()

    def _busy(self, why: str) -> Problem:
        after = min(60, max(1, math.ceil(self._pace * self.waiting / 2)))
        return Problem(503, "busy", f"{why} Try again in {after} s.", retry_after=after)

    async def _run(self) -> None:
        while not self.failed.is_set():
            batch = await self._next_batch()
            self._began = time.monotonic()
            if batch:
                await self._finish(batch)
            else:
                model = self._to_measure.pop(0)
                await asyncio.get_running_loop().run_in_executor(self._engine_room, self._measure, model)
            self._began = None

    async def _finish(self, batch: list[_Job]) -> None:
        """Compute a batch and give each job its result; if that fails, compute each job by itself."""
        try:
            done = await asyncio.get_running_loop().run_in_executor(self._engine_room, self._compute, batch)
        except torch.AcceleratorError as error:
            # What such a device holds is lost, and so is every later call to it in this process.
            FAULTS.error("the device has failed: %s", " ".join(str(error).split())[:500])
            self.failed.set()
            for job in [*batch, *self._ready]:
                if not job.future.done():
                    job.future.set_exception(device_failed())
        except Exception as error:
            if len(batch) > 1:  # what is wrong with one, or with so many at once, is no other's fault
                for job in batch:
                    await self._finish([job])
                return
            if not batch[0].future.done():
                batch[0].future.set_exception(_no_memory() if ran_out(error) else error)
        else:
            for job, parsed in zip(batch, done, strict=True):
                if not job.future.done():  # the client may have gone, or the time be over
                    job.future.set_result(parsed)

    async def _next_batch(self) -> list[_Job]:
        """Wait for a picture, and a moment for a full batch; return the oldest with others of its kind.

        None at all while no picture has come and a model is to be measured.
        """
        while True:
            self._ready = [job for job in self._ready if not job.future.done()]
            self._changed.clear()
            if not self._ready:
                if self._to_measure and not self._decoding:
                    return []
                await self._changed.wait()
                continue
            oldest = self._ready[0]
            batch = [job for job in self._ready if job.kind == oldest.kind][: self.batch]
            left = oldest.ready + self._wait - time.monotonic()
            if len(batch) < self.batch and left > 0 and self._decoding:
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await self._changed.wait()
                continue
            while len(batch) > 1 and self._late(oldest, len(batch)):
                batch.pop()
            if self._late(oldest, 1):  # it would be computed for nobody, while others wait
                why = (
                    f"The service is busy: this picture's turn came too late for the {self._seconds:g} seconds allowed."
                )
                oldest.future.set_exception(self._busy(why))
                continue
            self._ready = [job for job in self._ready if job not in batch]
            return batch

    def _late(self, job: _Job, count: int) -> bool:
        """Return whether a job in a batch of so many would foreseeably not be done within its time limit."""
        left = job.came + self._seconds - time.monotonic()
        return count * self._paces.foreseen(job.model, job.read.size) > _SLACK * left

    def _measure(self, model: str) -> None:
        self.computing = True
        try:
            self._paces.measure_model(model, waited_for=True)
        except Exception as error:  # the next picture meets it too, and is answered
            FAULTS.warning("model %s cannot be measured: %s", model, " ".join(str(error).split())[:500])
        finally:
            self.computing = False

    def _compute(self, batch: list[_Job]) -> list[Parsed]:
        self.computing = True
        for job in batch:
            job.begun = True
        try:
            return self._parsed(batch)
        finally:
            self.computing = False

    def _parsed(self, batch: list[_Job]) -> list[Parsed]:
        began = time.monotonic()
        first = batch[0]
        parses = parse_together(self._parsers[first.model], [job.read for job in batch])
        seconds = time.monotonic() - began
        self._paces.took(first.model, first.read.size, seconds / len(batch))
        self._pace = 0.9 * self._pace + 0.1 * seconds / len(batch)
        self._metrics.parsed(batch[0].model, len(batch), seconds)
        return [
            Parsed(parse, waited=began - job.came, seconds=seconds) for job, parse in zip(batch, parses, strict=True)
        ]


def device_failed() -> Problem:
    """Return the problem for a device that can compute no more."""
    return Problem(503, "device-failed", "The service's device has failed: the service ends and must be started anew.")


def _no_memory() -> Problem:
    return Problem(
        413, "too-many-pixels", "The service has too little memory for a picture of this size. Make it smaller."
    )
