"""Loader processes end with what they load for, and not before."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from torch.utils.data import Dataset

from sceneparse.data.workers import loaded
from tests.support.running import members, running, wait_for
from tests.support.together import environment

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")


class Processes(Dataset[int]):
    """Each item is the process that loads it; one takes for ever."""

    def __init__(self, hangs_at: int | None = None) -> None:
        self.hangs_at = hangs_at

    def __len__(self) -> int:
        return 1000

    def __getitem__(self, index: int) -> int:
        if index == self.hangs_at:
            time.sleep(1000)
        return os.getpid()


def itself(found: object) -> object:
    return found


@linux
def test_workers_leave_signals_to_their_parent_and_end_with_the_iterator() -> None:
    found = loaded(Processes(), workers=1, prefetch=2, batch_size=None, collate_fn=itself)
    worker = next(found)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(worker, number)
    assert {next(found) for _ in range(10)} == {worker}
    del found
    wait_for(lambda: not running(worker))


@linux
def test_a_worker_that_hangs_ends_with_the_iterator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 0.2)
    found = loaded(Processes(hangs_at=1), workers=1, prefetch=2, batch_size=None, collate_fn=itself)
    worker = next(found)
    time.sleep(0.2)
    del found
    wait_for(lambda: not running(worker), 10)


LEFT = """
import multiprocessing, sys
from sceneparse.data.workers import loaded
from tests.data.test_workers import Processes, itself

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    found = loaded(Processes(1), workers=1, prefetch=2, batch_size=None, collate_fn=itself)
    print(next(found), flush=True)
    if sys.argv[2] == "wait":
        next(found)
"""


@linux
@pytest.mark.parametrize(("method", "then"), [("forkserver", "wait"), ("fork", "leave")])
def test_nothing_is_left_of_a_program_that_is_killed_or_leaves_a_hanging_worker(
    tmp_path: Path, method: str, then: str
) -> None:
    (tmp_path / "left.py").write_text(LEFT)
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "left.py"), method, then],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert int(process.stdout.readline()) in members(process.pid)
            if then == "wait":
                assert len(members(process.pid)) == 4, "the program, the fork server, its tracker and the worker"
                process.kill()
            process.wait(30)
            wait_for(lambda: not members(process.pid), 10)
        finally:
            if members(process.pid):
                os.killpg(process.pid, signal.SIGKILL)
