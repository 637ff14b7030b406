"""Pictures one after the other, begun together where they are of one size: on a GPU the network scores them at once.

And on a CUDA GPU a batch, or a picture by itself, is begun before the one before it is finished (`inference.later`), so
that threads read more of them ahead.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from sceneparse.devices.memory import ran_out
from sceneparse.errors import UserError
from sceneparse.inference.later import Later, begun, failed, in_turn
from sceneparse.parsing.ahead import ahead
from sceneparse.parsing.opening import PictureRead
from sceneparse.parsing.parse import Parse
from sceneparse.parsing.parser import Parser
from sceneparse.processes.machine import usable_cores

Item = TypeVar("Item")
Given = TypeVar("Given")
Source = TypeVar("Source")
Result = TypeVar("Result")

Begin = Callable[[Sequence[Given]], list[Later[Result]]]
"""Begins what is made of pictures."""

Batch = deque[tuple[Item, Later[Result] | None]]
"""Items whose results were begun at once."""

MOST = 8
"""Pictures that are parsed together on a GPU."""

PIXELS = 32_000_000
"""Pictures that are parsed together have at most so many pixels: all are held, and so are their parses. On CUDA two
batches are."""

_BETWEEN = 64
"""Items without a picture that are held between the pictures of a batch, unless they have more than `PIXELS` with
these."""

_THREADS, _AHEAD = 2, 4
"""Threads that read, and pictures that are read ahead, for a CPU, which the network takes for itself."""

_MOST_THREADS = 8
"""More threads only wait for each other."""

AHEAD_BYTES = 256 << 20
"""Pictures that are read ahead beyond `_AHEAD` take so much memory at most, by the largest of those so far."""


class Kind(NamedTuple):
    """What pictures have in common that can be scored at once.

    Args:
        alike: Equal for these.
        pixels: Pixels of each.
    """

    alike: Hashable
    pixels: int


def on_gpu(parser: Parser) -> bool:
    """Return whether a parser's engine computes elsewhere than on the CPU, where one picture takes all cores."""
    device = getattr(parser.engine, "device", None)
    return device is not None and device.type != "cpu"


def most_together(parser: Parser) -> int:
    """Return how many pictures of one size a parser's network best scores at once."""
    protocol = parser.protocol
    # Windows come in batches anyway.
    return MOST if on_gpu(parser) and protocol.window is None and not protocol.crf else 1


def threads_beside(parser: Parser) -> int:
    """Return how many threads read pictures, and as many write parses: on a GPU by the cores, which have no network."""
    return max(_THREADS, min(_MOST_THREADS, usable_cores() // 2)) if on_gpu(parser) else _THREADS


def read_ahead(
    parser: Parser,
    read: Callable[[Source], Item],
    sources: Iterable[Source],
    read_of: Callable[[Item], PictureRead | None],
) -> Iterator[Item]:
    """Yield what is read of sources, in order, the next ones while a parser is at work on those before.

    For a GPU two full batches are read ahead: the readers go on while the program is busy with one. Fewer where the
    pictures are large.

    Args:
        parser: The model.
        read: Reads one; called in threads.
        sources: What is read.
        read_of: As `in_batches` takes it.
    """
    threads = threads_beside(parser)
    limit = max(_AHEAD, threads, 2 * most_together(parser)) if on_gpu(parser) else _AHEAD

    def weigh(item: Item) -> int:
        picture = read_of(item)
        if picture is None:
            return 0
        return picture.image.nbytes + (0 if picture.shown is None else picture.shown.nbytes)

    found = ahead(read, sources, threads=threads, limit=limit, least=_AHEAD, weigh=weigh, most=AHEAD_BYTES)
    return (future.result() for future in found)


def in_batches(
    parser: Parser, items: Iterable[Item], read_of: Callable[[Item], PictureRead | None]
) -> Iterator[tuple[Item, Later[Parse] | None]]:
    """Begin the parses of pictures; those together that are alike and come one after the other, where a GPU is faster.

    Args:
        parser: The model.
        items: Pictures that were read, and whatever else comes between them.
        read_of: Gives an item's picture; None of one that has none.

    Yields:
        Each item in its order, with what gives its parse or raises as `Parser.parse_read` does; None where there is no
        picture.
    """
    return begun_together(items, read_of, _kind, parser.begin, most=most_together(parser), behind=parser.behind)


def _kind(read: PictureRead) -> Kind:
    return Kind((read.image.shape, read.size), read.size[0] * read.size[1])


def begun_together(
    items: Iterable[Item],
    given_of: Callable[[Item], Given | None],
    kind_of: Callable[[Given], Kind],
    begin: Begin[Given, Result],
    *,
    most: int,
    behind: int,
    held_of: Callable[[Item], int] = lambda _: 0,
) -> Iterator[tuple[Item, Later[Result] | None]]:
    """Begin what is made of pictures, of those together that are alike and come one after the other.

    Batches are full, since every other number of pictures would be another size to record or to compile for: up to
    `most` pictures and `PIXELS`. What is left over is begun one by one. So is each picture of a batch that could not be
    begun, because of one of them or for want of memory; after that, batches are half as large.

    Args:
        items: Pictures, and whatever else comes between them.
        given_of: Gives what an item gives to `begin`; None of one that gives nothing.
        kind_of: Gives its kind.
        begin: Begins several of one kind, or one.
        most: So many are begun together.
        behind: So many batches, or pictures by themselves, are begun and not yielded when the next one is.
        held_of: Gives the pixels that an item holds which gives nothing to `begin`.

    Yields:
        Each item in its order, with what gives its result or raises what went wrong; None where it gives nothing.
    """
    for batch in in_turn(_batches(items, given_of, kind_of, begin, most, held_of), behind):
        while batch:  # nothing is held that was yielded
            yield batch.popleft()


def _batches(
    items: Iterable[Item],
    given_of: Callable[[Item], Given | None],
    kind_of: Callable[[Given], Kind],
    begin: Begin[Given, Result],
    most: int,
    held_of: Callable[[Item], int],
) -> Iterator[Batch[Item, Result]]:
    waiting: list[tuple[Item, Given | None]] = []
    kind, count, held = Kind(None, 0), 0, 0
    for item in items:
        given = given_of(item)
        own = kind if given is None else kind_of(given)
        pixels = held_of(item) if given is None else own.pixels
        if waiting and (own != kind or len(waiting) > most + _BETWEEN or held + pixels > PIXELS):
            yield from _one_by_one(waiting, begin)
            waiting, count, held = [], 0, 0
        if not waiting and given is None:
            yield deque([(item, None)])
            continue
        waiting.append((item, given))
        kind, count, held = own, count + (given is not None), held + pixels
        full = max(1, min(most, PIXELS // max(1, kind.pixels)))
        if given is None or count < full:
            continue
        try:
            together = _together(waiting, begin) if count > 1 else None
        except Exception:  # for want of memory
            most, together = count // 2, None
        if together is None:
            yield from _one_by_one(waiting, begin)
        else:
            yield together
        waiting, together, count, held = [], None, 0, 0
    yield from _one_by_one(waiting, begin)


def _together(waiting: Sequence[tuple[Item, Given | None]], begin: Begin[Given, Result]) -> Batch[Item, Result] | None:
    """Begin a batch; None where one of its pictures is refused, which is said of it when it is begun by itself.

    Raises:
        Exception: There is not enough memory for so many.
    """
    several = [given for _, given in waiting if given is not None]
    try:
        results = iter(begin(several))
    except UserError:
        return None
    except Exception as error:
        if ran_out(error):
            raise
        results = iter([failed(error)] * len(several))
    return deque((item, None if given is None else next(results)) for item, given in waiting)


def _one_by_one(
    waiting: Iterable[tuple[Item, Given | None]], begin: Begin[Given, Result]
) -> Iterator[Batch[Item, Result]]:
    """Begin pictures by themselves, each when it is asked for: not all of them are to be on the device at once."""
    for item, given in waiting:
        yield deque([(item, None if given is None else begun(partial(_alone, begin, given)))])


def _alone(begin: Begin[Given, Result], given: Given) -> Later[Result]:
    return begin([given])[0]
