"""The queue of pictures: bounded, decoded just before their turn, and parsed one batch after the other.

One batch is computed at a time, of whatever model (`engine_room`); on a CUDA GPU the next one, if it is full, is begun
meanwhile. Other threads decode pictures and encode answers. At most a few pictures are decoded at a time: what waits is
what was sent.
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
from sceneparse.parsing.batches import threads_beside
from sceneparse.parsing.opening import PictureRead
from sceneparse.serving.engine_room import EngineRoom
from sceneparse.serving.guard import FAULTS
from sceneparse.serving.metrics import Metrics
from sceneparse.serving.pace import Paces
from sceneparse.serving.problems import Problem, device_failed, no_memory

T = TypeVar("T")
Decode = Callable[[Parser], PictureRead]
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


@dataclass(frozen=True)
class _Turn:
    """A batch that is computed, or waits for the one that is.

    Args:
        began: When it was begun.
        foreseen: Seconds that it takes, as far as known.
    """

    began: float
    foreseen: float


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
        self._engine_room = EngineRoom(parsers, metrics, paces)
        codecs = max(map(threads_beside, parsers.values()), default=1)
        self._codecs = ThreadPoolExecutor(codecs, thread_name_prefix="sceneparse-codec")
        # A batch that is decoded, and those that are computed.
        self._ahead = asyncio.Semaphore(max(codecs + 1, (2 + self._engine_room.behind) * batch))
        self._pump: asyncio.Task[None] | None = None
        self._turns: dict[asyncio.Task[None], _Turn] = {}
        self._since = 0.0  # when the first of these turns had the device for itself
        self._measuring: float | None = None
        self._pace = 1.0  # seconds a picture, a moving average
        self._decoding = 0
        self.waiting = 0
        """Pictures that are queued."""
        self.failed = asyncio.Event()
        """Set when the device has failed in a way that no later batch recovers from: nothing is parsed any more."""

    def start(self) -> None:
        """Start parsing in the running event loop."""
        self._pump = asyncio.create_task(self._run(), name="sceneparse-batcher")

    def stop(self) -> None:
        """Stop parsing, and take no more pictures."""
        if self._pump is not None:
            self._pump.cancel()
            self._pump = None
        for turn in self._turns:
            turn.cancel()
        self._engine_room.stop()
        self._codecs.shutdown(wait=False, cancel_futures=True)

    @property
    def ready(self) -> bool:
        """Whether pictures are being parsed, and no batch has been computing for twice the time limit."""
        began = [turn.began for turn in self._turns.values()] if self._measuring is None else [self._measuring]
        hung = bool(began) and time.monotonic() - min(began) > 2 * self._seconds
        return self._pump is not None and not self._pump.done() and not hung and not self.failed.is_set()

    @property
    def computing(self) -> bool:
        """Whether a batch is being computed; it is to its end, even when this is stopped meanwhile."""
        return self._engine_room.computing

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
            if batch := await self._next_batch():
                first = batch[0]
                foreseen = len(batch) * self._paces.foreseen(first.model, first.read.size)
                turn = asyncio.create_task(self._turn(batch), name="sceneparse-batch")
                now = time.monotonic()
                self._since = self._since if self._turns else now
                self._turns[turn] = _Turn(now, foreseen)
                turn.add_done_callback(self._end_turn)
                if not self._engine_room.behind:
                    await turn
            else:
                self._measuring = time.monotonic()
                model = self._to_measure.pop(0)
                await self._engine_room.measure(model)
                self._measuring = None

    def _end_turn(self, turn: asyncio.Task[None]) -> None:
        del self._turns[turn]
        self._since = time.monotonic()
        self._changed.set()

    def _free_from(self) -> float:
        """Return when the device will be done with what was begun, as far as can be foreseen."""
        now = time.monotonic()
        if not self._turns:
            return now
        # By the turns that are there: what was foreseen of those before may have been wrong.
        first, *others = (turn.foreseen for turn in self._turns.values())
        return now + max(0.0, first - (now - self._since)) + sum(others)

    async def _turn(self, batch: list[_Job]) -> None:
        """Compute a batch and give each job its result; if that fails, compute each job by itself."""
        apart = False
        try:
            done = await self._parsed(batch)
        except torch.AcceleratorError as error:
            # What such a device holds is lost, and so is every later call to it in this process.
            FAULTS.error("the device has failed: %s", " ".join(str(error).split())[:500])
            self.failed.set()
            for job in [*batch, *self._ready]:
                if not job.future.done():
                    job.future.set_exception(device_failed())
        except Exception as error:
            apart = len(batch) > 1  # what is wrong with one, or with so many at once, is no other's fault
            if not apart and not batch[0].future.done():
                batch[0].future.set_exception(no_memory() if ran_out(error) else error)
        else:
            for job, parsed in zip(batch, done, strict=True):
                if not job.future.done():  # the client may have gone, or the time be over
                    job.future.set_result(parsed)
        # Not where the error is handled, which holds all that was on the device.
        for job in batch if apart else ():
            await self._turn([job])

    async def _next_batch(self) -> list[_Job]:
        """Wait for a picture, and a moment for a full batch; return the oldest with others of its kind.

        None at all while no picture has come and a model is to be measured.
        """
        while True:
            self._ready = [job for job in self._ready if not job.future.done()]
            self._changed.clear()
            if not self._ready:
                if self._to_measure and not self._decoding and not self._turns:
                    return []
                await self._changed.wait()
                continue
            oldest = self._ready[0]
            batch = [job for job in self._ready if job.kind == oldest.kind][: self.batch]
            # A batch that isn't full would only be larger if it were begun when the device is free.
            if len(self._turns) > self._engine_room.behind or (self._turns and len(batch) < self.batch):
                await self._changed.wait()
                continue
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
        left = job.came + self._seconds - self._free_from()
        return count * self._paces.foreseen(job.model, job.read.size) > _SLACK * left

    async def _parsed(self, batch: list[_Job]) -> list[Parsed]:
        def begins() -> None:
            for job in batch:
                job.begun = True

        parses, began, seconds = await self._engine_room.parsed(batch[0].model, [job.read for job in batch], begins)
        self._pace = 0.9 * self._pace + 0.1 * seconds / len(batch)
        return [
            Parsed(parse, waited=began - job.came, seconds=seconds) for job, parse in zip(batch, parses, strict=True)
        ]
