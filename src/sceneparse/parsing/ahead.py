"""Work on what comes next while what came before is being used."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(
    function: Callable[[Item], Result], items: Iterable[Item], *, threads: int, limit: int
) -> Iterator[Future[Result]]:
    """Call a function on items in threads, at most `limit` items ahead of the reader; finished futures, in order.

    Items are taken from their iterable in the reader's thread. When the reader stops early, calls that have not begun
    are dropped.
    """
    source = iter(items)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="sceneparse-read")
    pending: deque[Future[Result]] = deque()
    try:
        pending.extend(pool.submit(function, item) for item in islice(source, limit))
        while pending:
            future = pending.popleft()
            pending.extend(pool.submit(function, item) for item in islice(source, 1))
            future.exception()  # waits
            yield future
    finally:
        pool.shutdown(cancel_futures=True)
