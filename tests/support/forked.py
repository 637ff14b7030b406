"""Processes of their own that begin with everything imported: importing PyTorch and ours takes each new one seconds.

They come from a server process that imports once and forks for each (`multiprocessing`'s forkserver): real processes,
with environment, exit code and signals of their own. What starts Python anew, such as `--devices 2`, is tested so too.
"""

import io
import multiprocessing
import os
import runpy
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import IO

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


class Popen:
    """Stands in for `subprocess.Popen` where a program starts `python -m MODULE` with a text on its standard input.

    The process begins when that is closed.

    Args:
        command: As there; the module's name comes last.
        stdout: The file for all that it says, which goes to its end.
        env: Its whole environment.
        named: What else is asked for is as it is here.
    """

    def __init__(self, command: Sequence[str], *, stdout: IO[str], env: Mapping[str, str], **named: object) -> None:
        assert command[-2] == "-m" and named["start_new_session"]
        self._given = (command[-1], Path(stdout.name), dict(env))
        self._process: BaseProcess | None = None
        self.stdin = _Closed(self._begin)

    def _begin(self, text: str) -> None:
        self._process = CONTEXT.Process(target=_run_module, args=(*self._given, text))
        self._process.start()

    def poll(self) -> int | None:
        """Its exit status, None while it runs."""
        assert self._process is not None
        return self._process.exitcode

    def wait(self) -> int | None:
        """Wait until it has ended."""
        assert self._process is not None
        self._process.join()
        return self._process.exitcode

    def terminate(self) -> None:
        """Send SIGTERM."""
        assert self._process is not None
        self._process.terminate()


class _Closed(io.StringIO):
    """Text that is handed on when the file is closed."""

    def __init__(self, then: Callable[[str], None]) -> None:
        super().__init__()
        self._then = then

    def close(self) -> None:
        if not self.closed:
            self._then(self.getvalue())
        super().close()


def _run_module(module: str, said: Path, environment: dict[str, str], text: str) -> None:
    os.setsid()
    _begin(environment, dict.fromkeys((1, 2), said), os.O_APPEND)
    sys.stdin = io.StringIO(text)
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _run_in(folder: Path, script: Path, words: list[str], said: Path, environment: dict[str, str]) -> None:
    os.chdir(folder)
    _run(script, words, said, environment)


def _run(script: Path, words: list[str], said: Path, environment: dict[str, str]) -> None:
    _begin(environment, {1: said, 2: said.with_suffix(".err")}, os.O_TRUNC)
    sys.argv = [str(script), *words]
    sys.path.insert(0, str(script.parent))
    runpy.run_path(str(script), run_name="__main__")


def _begin(environment: Mapping[str, str], streams: Mapping[int, Path], how: int) -> None:
    """Take an environment, and files in the place of streams."""
    os.environ.clear()
    os.environ.update(environment)
    os.fsync = lambda fd: None  # noqa: ARG005 – as in the processes of pytest themselves
    torch.set_num_threads(1)
    for stream, path in streams.items():
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | how), stream)
