"""Ray: started on this machine, or joined; how its processors are shared out; chunks handed to workers."""

import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

from sceneparse.arguments import argument
from sceneparse.errors import UserError, counted
from sceneparse.parsing.batches import MOST
from sceneparse.parsing.runs.collection.addresses import MISSING
from sceneparse.parsing.runs.collection.items import SMALLEST_CHUNK, Item, chunks, packed
from sceneparse.parsing.runs.collection.worker import Attempts, ParseChunks, Plan

_STORE_BYTES = 512 << 20
"""Shared memory of a Ray that is started here: chunks are lists of names, the largest thing is a model's weights."""

_BATCHES = 4
"""Full batches of a chunk on a GPU: what is left over of pictures of one size is parsed by itself."""


@dataclass(frozen=True)
class Shares:
    """How a cluster's processors are shared out.

    Args:
        workers: Number of workers; each holds the model once.
        threads: Processors of each.
        gpus: GPUs of each, 0 or 1.
    """

    workers: int
    threads: int
    gpus: int

    def smallest_chunk(self, count: int) -> int:
        """Return how many of so many pictures a call of a worker gets at least.

        A GPU scores several at once, but none of two chunks: it gets a few batches, unless others had nothing to do.
        """
        return max(SMALLEST_CHUNK, min(_BATCHES * MOST, count // self.workers)) if self.gpus else SMALLEST_CHUNK

    def describe(self) -> str:
        """Return it as text, such as "2 workers with 4 processors each"."""
        each = f"{counted(self.threads, 'processor')}{' and a GPU' * self.gpus} each"
        return f"{counted(self.workers, 'worker')} with {each}"


@contextmanager
def cluster(address: str | None) -> Iterator[ModuleType]:
    """Connect to Ray; what was started here ends here. A connection that the caller has made already is used.

    Args:
        address: A cluster's, as `ray.init` takes it; None starts Ray on this machine alone.

    Raises:
        UserError: Ray is missing, or no cluster answers there.
    """
    ray = installed()
    if ray.is_initialized():
        yield ray
        return
    # Ray would report each run to its makers, and to the user each of its own restarts.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    own = {} if address else {"include_dashboard": False, "object_store_memory": _STORE_BYTES}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"Ray at {address or 'this machine'}: cannot be joined ({reason})") from None
    try:
        yield ray
    finally:
        ray.shutdown()


def installed() -> ModuleType:
    """Return the ray package, with Ray Data.

    Raises:
        UserError: It is missing.
    """
    try:
        import ray
        import ray.data
    except ImportError:
        raise UserError(MISSING) from None
    return ray


def shares(ray: ModuleType, workers: int | None, device: str) -> Shares:
    """Return how many workers there will be, and what each gets.

    One for each GPU where there are GPUs; else one for each four processors, two at least where there are two.

    Args:
        ray: Ray, connected.
        workers: Their number; None: as above.
        device: As in `load`.

    Raises:
        UserError: More workers than processors or GPUs.
    """
    resources = ray.cluster_resources()
    processors, gpus = int(resources.get("CPU", 1)), 0 if device == "cpu" else int(resources.get("GPU", 0))
    most = gpus or processors
    if workers is None:
        workers = gpus or max(min(2, processors), processors // 4)
    if not 1 <= workers <= most:
        what = "GPUs" if gpus else "processors"
        raise UserError(f"{argument('workers', workers)}: the cluster has {most} {what}; give 1 to {most}")
    return Shares(workers, max(1, processors // workers), int(bool(gpus)))


class Parsed(NamedTuple):
    """A chunk that was parsed.

    Args:
        outcomes: What became of its pictures, see `Outcome`.
        engine: What gave the scores, as its worker describes it.
    """

    outcomes: list[dict[str, Any]]
    engine: str


def parse_chunks(ray: ModuleType, plan: Plan, items: Sequence[Item], share: Shares) -> Iterator[Parsed]:
    """Have workers parse a collection, and yield each chunk as it ends.

    Raises:
        UserError: A worker cannot load the model or write.
    """
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    rows = [{"items": packed(chunk)} for chunk in chunks(items, share.smallest_chunk(len(items)))]
    attempts = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Attempts).remote()
    parsed = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
        ParseChunks,
        fn_constructor_args=(plan, _SharedAttempts(attempts)),
        compute=ray.data.ActorPoolStrategy(size=min(share.workers, len(rows))),
        num_cpus=share.threads,
        num_gpus=share.gpus,
    )
    for row in parsed.iter_rows():
        if row["wrong"]:
            raise UserError(row["wrong"])
        yield Parsed(json.loads(row["outcomes"]), row["engine"])


class _SharedAttempts(Attempts):
    """The `Attempts` of all workers, in a process of its own.

    Args:
        handle: Ray's handle of it.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def begin(self, what: str) -> int:
        """See `Attempts`."""
        import ray

        return int(ray.get(self._handle.begin.remote(what)))

    def end(self, what: str) -> None:
        """See `Attempts`."""
        import ray

        ray.get(self._handle.end.remote(what))
