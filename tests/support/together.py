"""Python code and commands in two processes that work together, over gloo on this machine's CPU."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import sceneparse
from tests.support.forked import COMMAND, started

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Sums depend on the number of threads in their last bits."""


def environment() -> dict[str, str]:
    """This one's, for a process that imports the same package and computes in one thread."""
    folders = (Path(sceneparse.__file__).parents[1], Path(__file__).parents[2])
    return os.environ | ONE_THREAD | {"PYTHONPATH": os.pathsep.join(map(str, folders))}


def run_to_its_end(*words: object, timeout: float = 300) -> "subprocess.CompletedProcess[str]":
    """Run a command; whatever it started ends with it."""
    with subprocess.Popen(
        list(map(str, words)),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            said = process.communicate(timeout=timeout)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, *said)


def sceneparse_command(*words: object) -> "subprocess.CompletedProcess[str]":
    """Run the command line to its end."""
    return run_to_its_end(sys.executable, "-m", "sceneparse.cli", *words)


def torchrun(*words: object) -> "subprocess.CompletedProcess[str]":
    """Run a script in two processes of torch's own launcher to its end."""
    return run_to_its_end(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", *words)


def in_two_processes(script: Path, *words: object) -> None:
    """Run a script in two processes that know of each other as under torchrun; both must succeed."""
    done = two_processes(script, *words)
    assert done.returncode == 0, done.stderr


def sceneparse_in_two(*words: object) -> "subprocess.CompletedProcess[str]":
    """Run the command line to its end in two processes, as under torchrun."""
    return two_processes(COMMAND, *words)


def two_processes(script: Path, *words: object) -> "subprocess.CompletedProcess[str]":
    """Run a script in two processes that know of each other as under torchrun, and return what both said."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(probe.getsockname()[1])}
    world = ONE_THREAD | meeting | {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "test"}
    given = list(map(str, words))
    with tempfile.TemporaryDirectory() as folder:
        said = [Path(folder) / f"{rank}.out" for rank in (0, 1)]
        processes = [
            started(script, given, said[rank], world | {"RANK": str(rank), "LOCAL_RANK": str(rank)}) for rank in (0, 1)
        ]
        try:
            for process in processes:
                process.join(timeout=300)
        finally:
            for process in processes:
                process.kill()
                process.join()
        codes = [process.exitcode or 0 for process in processes]
        output, errors = ("".join(one.with_suffix(suffix).read_text() for one in said) for suffix in (".out", ".err"))
    return subprocess.CompletedProcess([str(script), *given], next(filter(None, codes), 0), output, errors)
