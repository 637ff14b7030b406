"""Which pictures of a data set are tested, and how they are read while a network is at work on those before."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from sceneparse.arguments import check_number
from sceneparse.data.sample import DataSet, Sample
from sceneparse.data.workers import loader_workers
from sceneparse.datasets.kinds import of_pictures_alone
from sceneparse.errors import UserError
from sceneparse.settings import DataSettings

AHEAD = 2
"""Samples that are read ahead while the network works, for each thread that reads."""

AHEAD_BYTES = 256 << 20
"""Samples that are read ahead beyond `AHEAD` take so much memory at most."""

READERS = 8
"""Threads that read at most: more only wait for each other."""


def spaced(length: int, count: int | None) -> list[int]:
    """Return `count` indices below `length`, evenly spaced; all of them for None or a larger count.

    Raises:
        UserError: No pictures, or a count below 1.
    """
    if length == 0:
        raise UserError("the data set has no pictures, so there is nothing to score")
    if count is not None:
        check_number("count", count, least=1, whole=True)
    chosen = length if count is None else min(count, length)
    return [index * length // chosen for index in range(chosen)]


def readers_for(data: DataSettings, device: str) -> int:
    """Return how many threads read the samples of a test or a validation: as many as keep a network busy.

    Args:
        data: What is read: slices of one volume, and tiles of one raster, are read one after the other, since each of
            several threads would unpack it for itself.
        device: The type of the device that the network computes on.
    """
    return min(READERS, max(1, loader_workers("auto", device))) if of_pictures_alone(data) else 1


def read_ahead(dataset: DataSet, indices: Sequence[int], readers: int = 1) -> Iterator[tuple[int, Sample]]:
    """Yield the samples in order; the next ones are read meanwhile.

    Args:
        dataset: The samples.
        indices: Which of them.
        readers: Threads that read them.
    """
    pool = ThreadPoolExecutor(readers, thread_name_prefix="read-ahead")
    waiting: deque[tuple[int, Future[Sample]]] = deque()
    ahead = AHEAD  # until it is known how large they are
    largest = 1
    try:
        for index in indices:
            waiting.append((index, pool.submit(dataset.__getitem__, index)))
            if len(waiting) > ahead:
                ready, future = waiting.popleft()
                sample = future.result()
                largest = max(largest, sample.image.nbytes)
                ahead = max(AHEAD, min(AHEAD * readers, AHEAD_BYTES // largest))
                yield ready, sample
        for ready, future in waiting:
            yield ready, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
