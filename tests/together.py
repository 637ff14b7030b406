"""Python code and commands in two processes that work together, over gloo on this machine's CPU."""

import os
import subprocess
import sys
from pathlib import Path

import sceneparse

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Sums depend on the number of threads in their last bits."""


def environment() -> dict[str, str]:
    """This one's, for a process that imports the same package and computes in one thread."""
    folders = (Path(sceneparse.__file__).parents[1], Path(__file__).parent)
    return os.environ | ONE_THREAD | {"PYTHONPATH": os.pathsep.join(map(str, folders))}


def sceneparse_command(*words: object, timeout: float = 120) -> "subprocess.CompletedProcess[str]":
    """Run the command line to its end."""
    command = [sys.executable, "-m", "sceneparse.cli", *map(str, words)]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=timeout, check=False)


def torchrun(*words: object, processes: int = 2, timeout: float = 120) -> "subprocess.CompletedProcess[str]":
    """The same under torch's own launcher."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [*launcher, *map(str, words)]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=timeout, check=False)
