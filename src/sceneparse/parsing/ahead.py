"""Work on what comes next while what came before is being used."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    threads: int,
    limit: int,
    least: int | None = None,
    weigh: Callable[[Result], int] | None = None,
    most: int = 0,
) -> Iterator[Future[Result]]:
    """Call a function on items in threads, some items ahead of the reader; yield finished futures, in order.

    Items are taken from their iterable in the reader's thread. What it raises comes after what became of those before.
    When the reader stops early, calls that have not begun are dropped.

    Args:
        function: What is called.
        items: What it is called on.
        threads: How many call it.
        limit: So many items are ahead of the reader at most.
        least: So many may be in any case; also until the first result is there. Default: `limit`.
        weigh: How much a result weighs, where that matters.
        most: Beyond `least`, so many items are ahead that they weigh at most so much, by the heaviest of those so far.
    """
    wrong: list[Exception] = []
    source = _until_wrong(items, wrong)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="sceneparse-read")
    pending: deque[Future[Result]] = deque()
    try:
        allowed, heaviest = limit if least is None else min(least, limit), 1
        pending.extend(pool.submit(function, item) for item in islice(source, allowed))
        while pending:
            future = pending.popleft()
            pending.extend(pool.submit(function, item) for item in islice(source, max(0, allowed - len(pending))))
            future.exception()  # waits
            if weigh is not None:
                ended = [one for one in (future, *pending) if one.done() and one.exception() is None]
                heaviest = max([heaviest, *(weigh(one.result()) for one in ended)])
                allowed = max(1 if least is None else least, min(limit, most // heaviest))
            yield future
        if wrong:
            raise wrong.pop()
    finally:
        pool.shutdown(cancel_futures=True)


def _until_wrong(items: Iterable[Item], wrong: list[Exception]) -> Iterator[Item]:
    """Yield items; what their iterable raises ends them, and is kept until its turn has come."""
    try:
        yield from items
    except Exception as error:
        wrong.append(error)
