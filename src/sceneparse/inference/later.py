"""What was begun and not waited for: a CUDA device computes one picture while the program is at those beside it.

Whoever goes through pictures begins each and finishes the one before: its labels are on their way to main memory while
the next picture is brought to the device and computed. Where nothing runs beside the program, as on a CPU, each picture
is finished before the next is begun.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from traceback import clear_frames
from typing import NoReturn, TypeVar

from sceneparse.inference.engine import Engine
from sceneparse.inference.protocol import TestProtocol
from sceneparse.inference.views import gives_one_map
from sceneparse.labels import TaskLabels

Item = TypeVar("Item")
Result = TypeVar("Result")

Later = Callable[[], Result]
"""Gives the result of what was begun, and waits for it; it may be called again. It raises what went wrong."""

BEHIND = 1
"""Pictures, or batches of them, that are begun and not finished while the next is begun. Each takes memory on both
sides; more than one helps only where the program takes longer for one picture than the device, now and then."""


def behind(engine: Engine, protocol: TestProtocol, tasks: TaskLabels | None = None) -> int:
    """Return how many pictures or batches stay begun and not finished when the next is begun.

    None where that would only hold memory: with an engine that computes before it returns, and where labels are
    waited for band by band, as they are of windows, of several scales, and of parts, which depend on the objects that
    were found.

    Args:
        engine: What gives scores.
        protocol: How pictures are tested.
        tasks: The tasks that are parsed; None for the objects alone.
    """
    beside = getattr(engine, "runs_beside", False)
    waits = protocol.crf or not gives_one_map(protocol) or (tasks is not None and tasks.tree is not None)
    return BEHIND if beside and not waits else 0


def done(result: Result) -> Later[Result]:
    """Return what gives a result that is there."""
    return lambda: result


def failed(error: Exception) -> Later[NoReturn]:
    """Return what raises an error, of which nothing is held but itself: what it came from is still to be told of.

    Its traceback holds the frames that it passed through, and they all that was on the device when it ran out of
    memory, for as long as the error waits for its turn, while the next picture needs that memory.
    """
    chain: list[BaseException] = [error]
    for one in chain:
        clear_frames(one.__traceback__)  # but those that still run
        chain += [other for other in (one.__cause__, one.__context__) if other is not None and other not in chain]

    def fail() -> NoReturn:
        raise error

    return fail


def begun(begin: Callable[[], Later[Result]]) -> Later[Result]:
    """Begin something; if that fails, it is raised where the result is asked for, so that errors keep their order."""
    try:
        return begin()
    except Exception as error:
        del begin  # this frame is in the traceback too
        return failed(error)


def then(later: Later[Item], function: Callable[[Item], Result]) -> Later[Result]:
    """Return what gives a function of a result."""
    return partial(_then, later, function)


def _then(later: Later[Item], function: Callable[[Item], Result]) -> Result:
    return function(later())


def in_turn(items: Iterable[Item], behind: int) -> Iterator[Item]:
    """Yield items in order, each when so many more were taken: what an iterable begins is finished so much later.

    What an iterable raises comes after the items that it gave before.

    Args:
        items: What begins something whenever it gives an item.
        behind: As `behind` returns it; with 0 each item is yielded at once.
    """
    waiting: deque[Item] = deque()
    source = iter(items)
    wrong: Exception | None = None
    while wrong is None:
        try:
            waiting.append(next(source))
        except StopIteration:
            break
        except Exception as error:
            wrong = error
            continue
        if len(waiting) > behind:
            yield waiting.popleft()
    while waiting:
        yield waiting.popleft()
    if wrong is not None:
        try:
            raise wrong
        finally:
            del wrong  # which would hold itself by this frame
