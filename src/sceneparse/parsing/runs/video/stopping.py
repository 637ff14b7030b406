"""What a user sees and does while a video runs: progress in frames, and Ctrl-C that ends a recording well."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sceneparse.parsing.runs.progress import Rate


@contextmanager
def stop_by_interrupt(live: bool) -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or SIGTERM sets, for what is live and has no other end; the second is as ever.

    Args:
        live: Whether there is such a thing; if not, or outside the main thread, both signals stay what they were.
    """
    stopped = threading.Event()
    if not live or threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(*_: object) -> None:
        stopped.set()
        restore()

    for number in before:
        signal.signal(number, stop)
    try:
        yield stopped
    finally:
        restore()


@contextmanager
def frames_progress(console: Console | None, title: str, expected: int | None) -> Iterator[Callable[[], object]]:
    """Show how many frames are done, how fast, and the time that is left.

    Args:
        console: Where to; None, or no terminal, shows nothing.
        title: The video.
        expected: How many frames there are, as far as that is known.

    Yields:
        What to call after each frame.
    """
    if console is None or not console.is_terminal:
        yield lambda: None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        Rate("frames"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as display:
        task = display.add_task(title, total=expected)
        yield lambda: display.advance(task)
