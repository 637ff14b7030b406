"""Threads beside the parsing: in order, bounded, and they end."""

import threading
import time
from collections.abc import Iterator

import pytest

from sceneparse.parsing.runs.pipe import Ahead, Behind


def no_threads() -> bool:
    return not [thread for thread in threading.enumerate() if thread.name.startswith(("sceneparse-a", "sceneparse-b"))]


def test_items_come_in_order_and_a_few_are_made_ahead() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(20):
            made.append(number)
            yield number

    with Ahead(items(), 3) as ahead:
        source = iter(ahead)
        assert next(source) == 0
        end = time.monotonic() + 5
        while len(made) < 5 and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(0.02)
        assert len(made) == 5  # one taken, three wait, one is held
        assert list(source) == list(range(1, 20))
    assert no_threads()


def test_what_comes_by_itself_loses_the_oldest_when_nobody_takes_it() -> None:
    through = threading.Event()

    def items() -> Iterator[int]:
        yield from range(10)
        through.set()

    with Ahead(items(), 2, newest=True) as ahead:
        assert through.wait(5)
        assert list(ahead) == [8, 9] and ahead.dropped == 8


def test_an_error_comes_where_the_items_are_used() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise RuntimeError("broken")

    got = []
    with pytest.raises(RuntimeError, match="broken"), Ahead(items(), 3) as ahead:
        for item in ahead:
            got.append(item)
    assert got == [1] and no_threads()


def test_leaving_early_ends_the_thread() -> None:
    with pytest.raises(KeyboardInterrupt), Ahead(iter(int, 1), 2):
        raise KeyboardInterrupt
    assert no_threads()


def test_one_thread_behind_keeps_the_order_and_all_is_done_at_the_end() -> None:
    done: list[int] = []

    def slow(number: int) -> None:
        time.sleep(0.002)
        done.append(number)

    with Behind(1, 2) as behind:
        for number in range(10):
            behind.put(slow, number)
            assert number - len(done) <= 3
    assert done == list(range(10))


def test_what_fails_behind_is_raised() -> None:
    def fail() -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"), Behind(1, 2) as behind:
        behind.put(fail)
    assert no_threads()
