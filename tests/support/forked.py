"""Processes of their own that begin with everything imported: importing PyTorch and ours takes each new one seconds.

They come from a server process that imports once and forks for each (`multiprocessing`'s forkserver): real processes,
with environment, exit code and signals of their own. What starts Python anew, such as `--devices 2`, is tested so too.
"""

import multiprocessing
import os
import runpy
import sys
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

COMMAND = Path(__file__).with_name("command.py")
"""The script that is the command line."""

IMPORTED = ["sceneparse.cli", "sceneparse.training.loop", "sceneparse.evaluation"]


def _context() -> ForkServerContext | SpawnContext:
    if sys.platform != "linux":  # where it is not safe to fork what has imported PyTorch
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    return context


CONTEXT = _context()


def started(
    script: Path, words: list[str], said: Path, environment: dict[str, str], folder: Path = Path()
) -> BaseProcess:
    """Start a script in a process that computes in one thread.

    Args:
        script: A Python file; it runs as `__main__`.
        words: Its arguments.
        said: The file for what it prints; what it says on the standard error goes beside it, with the suffix `.err`.
        environment: What is added to this process's environment.
        folder: Its current folder.
    """
    process = CONTEXT.Process(target=_run_in, args=(folder, script, words, said, dict(os.environ) | environment))
    process.start()
    return process


def _run_in(folder: Path, script: Path, words: list[str], said: Path, environment: dict[str, str]) -> None:
    os.chdir(folder)
    _run(script, words, said, environment)


def _run(script: Path, words: list[str], said: Path, environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.fsync = lambda fd: None  # noqa: ARG005 – as in the processes of pytest themselves
    torch.set_num_threads(1)
    for stream, path in ((1, said), (2, said.with_suffix(".err"))):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    sys.argv = [str(script), *words]
    sys.path.insert(0, str(script.parent))
    runpy.run_path(str(script), run_name="__main__")
