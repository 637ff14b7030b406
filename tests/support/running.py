"""Which processes run, and waiting until something is so; on Linux."""

import time
from collections.abc import Callable
from pathlib import Path


def state(process: int | str) -> tuple[str, int] | None:
    """A process's state, of one letter, and its session; None if it is gone."""
    try:
        letter, _, _, session = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[:4]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return letter, int(session)


def running(process: int) -> bool:
    """Whether a process is there, and has not only not been waited for."""
    found = state(process)
    return found is not None and found[0] != "Z"


def members(session: int) -> list[int]:
    """The processes of a session that run."""
    processes = [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]
    return [one for one in processes if (found := state(one)) is not None and found[0] != "Z" and found[1] == session]


def wait_for(what: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so; it fails after some seconds."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.02)
