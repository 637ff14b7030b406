"""A progress display for work whose amount is counted while it goes on."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from sceneparse.errors import UserError


class Rate(ProgressColumn):
    """How many of something are done a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """See rich."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f} {self._unit}/s")


@contextmanager
def counting_progress(
    console: Console, title: str, items: Iterable[object], *, shown: bool
) -> Iterator[Callable[[], object]]:
    """Show how many items are done, how fast, and, as soon as they are counted, the time that is left.

    Args:
        console: Where to. Nothing is shown if it is no terminal.
        title: What is done.
        items: What is counted, in a thread of its own; iterated apart from the work, so this must be cheap.
        shown: Whether to show anything.

    Yields:
        What to call after each item.
    """
    if not shown or not console.is_terminal:
        yield lambda: None
        return
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), Rate("pictures"), TimeRemainingColumn())
    stop = threading.Event()
    with Progress(*columns, console=console) as display:
        task = display.add_task(title, total=None)

        def count() -> None:
            total = 0
            try:
                for _ in items:
                    total += 1
                    if stop.is_set():
                        return
            except UserError:
                return  # the work meets it too, and says it
            display.update(task, total=total)

        counter = threading.Thread(target=count, name="sceneparse-count", daemon=True)
        counter.start()
        try:
            yield lambda: display.advance(task)
        finally:
            stop.set()
            counter.join()
