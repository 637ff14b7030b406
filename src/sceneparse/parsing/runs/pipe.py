"""Threads beside the parsing: inputs are read ahead of it and outputs written behind it, in bounded queues."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any, Generic, NamedTuple, TypeVar

Item = TypeVar("Item")


class Ahead(Generic[Item]):
    """Iterates in a thread of its own, a few items ahead of the reader.

    Leaving it waits until the thread has ended, so that what it reads from can be closed.

    Args:
        items: What is iterated.
        limit: So many items wait at most.
        newest: When so many wait, drop the oldest rather than wait: for what comes by itself, such as a camera's
            frames.
    """

    def __init__(self, items: Iterable[Item], limit: int, *, newest: bool = False) -> None:
        self._items, self._limit, self._newest = items, limit, newest
        self._waiting: deque[Item] = deque()
        self._changed = threading.Condition()
        self._ended = self._left = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._fill, name="sceneparse-ahead", daemon=True)
        self.dropped = 0

    def _fill(self) -> None:
        try:
            for item in self._items:
                with self._changed:
                    while len(self._waiting) >= self._limit and not self._left:
                        if self._newest:
                            self._waiting.popleft()
                            self.dropped += 1
                        else:
                            self._changed.wait()
                    if self._left:
                        return
                    self._waiting.append(item)
                    self._changed.notify_all()
        except BaseException as error:  # raised again where the items are used
            self._error = error
        finally:
            if isinstance(self._items, Generator):  # what it holds open is closed in the thread that opened it
                self._items.close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def __iter__(self) -> Iterator[Item]:
        while True:
            with self._changed:
                while not self._waiting and not self._ended:
                    self._changed.wait()
                if not self._waiting:
                    break
                item = self._waiting.popleft()
                self._changed.notify_all()
            yield item
        if self._error is not None:
            raise self._error

    def __enter__(self) -> "Ahead[Item]":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._left = True
            self._changed.notify_all()
        self._thread.join()


class Behind:
    """Calls functions in threads; whoever puts in more than a few waits. With one thread their order is kept.

    A call that raises raises where a later one is put in, or at the end. Leaving it waits for all calls; leaving it by
    an exception only for those that have begun.

    Args:
        threads: How many.
        limit: So many calls wait at most.
        most_weight: Calls that wait weigh at most so much together, or are only one; None: whatever they weigh.
    """

    def __init__(self, threads: int, limit: int, most_weight: int | None = None) -> None:
        self._limit, self._most_weight = limit, most_weight
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="sceneparse-behind")
        self._waiting: deque[_Call] = deque()

    def put(
        self,
        function: Callable[..., Any],
        *arguments: object,
        weight: int = 0,
        then: Callable[[Future[Any]], object] = Future.result,
    ) -> None:
        """Have a function called.

        Args:
            function: The function.
            *arguments: Its arguments.
            weight: How much it weighs while it waits.
            then: Takes the ended call, in the thread and the order in which calls are put in.
        """
        while self._waiting and (len(self._waiting) >= self._limit or self._too_heavy(weight)):
            self._end_oldest()
        self._waiting.append(_Call(self._pool.submit(function, *arguments), weight, then))

    def _too_heavy(self, weight: int) -> bool:
        return self._most_weight is not None and weight + sum(call.weight for call in self._waiting) > self._most_weight

    def _end_oldest(self) -> None:
        call = self._waiting.popleft()
        wait((call.future,))
        call.then(call.future)

    def __enter__(self) -> "Behind":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            while self._waiting and error is None:
                self._end_oldest()
        finally:
            self._pool.shutdown(cancel_futures=True)


class _Call(NamedTuple):
    future: Future[Any]
    weight: int
    then: Callable[[Future[Any]], object]
