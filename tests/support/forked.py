"""Processes of their own that begin with everything imported: importing PyTorch and ours takes each new one seconds.

They come from a server process that imports once and forks for each (`multiprocessing`'s forkserver): real processes,
with environment, exit code and signals of their own. What starts Python anew, such as `--devices 2`, is tested so too.
"""

import itertools
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from multiprocessing import reduction
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import IO, Any, Self

import torch

COMMAND = Path(__file__).with_name("command.py")
"""The script that is the command line."""

IMPORTED = [
    *("sceneparse.cli", "sceneparse.training.loop", "sceneparse.evaluation", "sceneparse.parsing.runs.pictures"),
    *("jsonargparse", "torch.utils.tensorboard", "sceneparse.serving.app"),
]
"""What is not there, such as an extra's package, is left out."""


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
    """Stands in for `subprocess.Popen` where Python is started: `python -c CODE …`, `-m MODULE …` or `FILE …`.

    What is no Python is started by `subprocess` itself.

    Args:
        command: As there, as is all that follows.
        stdin: None, a file, PIPE or DEVNULL.
        stdout: The same.
        stderr: The same, or STDOUT.
        env: Its whole environment; None for this process's.
        text: Whether pipes are of text.
        start_new_session: Whether it leads a session of its own.
    """

    def __new__(cls, command: Sequence[str], **named: Any) -> Any:
        return super().__new__(cls) if command[0] == sys.executable else PROGRAM(command, **named)

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdin: int | IO[Any] | None = None,
        stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None,
        env: Mapping[str, str] | None = None,
        text: bool = False,
        start_new_session: bool = False,
    ) -> None:
        self.args = list(command)
        self.returncode: int | None = None
        environment = dict(os.environ if env is None else env)
        with ExitStack() as stack:
            asked, self.stdin = _ends(0, stdin, text, stack)
            said, self.stdout = _ends(1, stdout, text, stack)
            errors, self.stderr = (said, None) if stderr == subprocess.STDOUT else _ends(2, stderr, text, stack)
            streams = [_Passed(one) for one in (asked, said, errors)]
            self._process = CONTEXT.Process(
                target=_run_python, args=(self.args[1:], environment, streams, start_new_session)
            )
            self._process.start()
        with suppress(ProcessLookupError):
            while start_new_session and self.poll() is None and os.getpgid(self.pid) != self.pid:
                time.sleep(0.001)

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit status, None while it runs."""
        self.returncode = self._process.exitcode
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended."""
        self._process.join(timeout)
        if (status := self.poll()) is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return status

    def communicate(self, _: None = None, timeout: float | None = None) -> tuple[Any, Any]:
        """Wait until it has ended, and read what it has said, which must fit into its pipes."""
        if self.stdin is not None:
            self.stdin.close()
        self.wait(timeout)
        return tuple(None if pipe is None else pipe.read() for pipe in (self.stdout, self.stderr))  # type: ignore[return-value]

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in (self.stdin, self.stdout, self.stderr):
            if pipe is not None:
                pipe.close()
        self.wait()


PROGRAM = subprocess.Popen


class _Passed:
    """A descriptor of an open file, which goes along to a new process and is another number there."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return _detached, (reduction.DupFd(self._number),)


def _detached(duplicate: Any) -> int:
    number: int = duplicate.detach()
    return number


def _ends(number: int, given: int | IO[Any] | None, text: bool, stack: ExitStack) -> tuple[int, IO[Any] | None]:
    """A new process's end of one of its streams, closed at the stack's end if it is its own, and a pipe's other end."""
    if given is None:
        return number, None
    if not isinstance(given, int):
        return given.fileno(), None
    if given == subprocess.DEVNULL:
        ends: tuple[int, ...] = (os.open(os.devnull, os.O_RDWR),)
    else:
        ends = os.pipe() if number == 0 else os.pipe()[::-1]
    stack.callback(os.close, ends[0])
    return ends[0], None if len(ends) == 1 else os.fdopen(ends[1], ("w" if number == 0 else "r") + "b" * (not text))


def _run_python(words: list[str], environment: dict[str, str], streams: list[int], new_session: bool) -> None:
    if new_session:
        os.setsid()
    _begin(environment, dict(enumerate(streams)))
    # Those that it began with know of other files, in which they may be anywhere.
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        stream = os.fdopen(number, mode, buffering=1 if name == "stderr" else -1, closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    how, *sys.argv = itertools.dropwhile(lambda word: word == "-P", words)
    if how == "-c":
        code, sys.argv[0] = sys.argv[0], how
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    elif how == "-m":
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        _run_file(how, sys.argv)


def _run_in(folder: Path, script: Path, words: list[str], said: Path, environment: dict[str, str]) -> None:
    os.chdir(folder)
    how = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    _begin(environment, {1: os.open(said, how), 2: os.open(said.with_suffix(".err"), how)})
    _run_file(str(script), words)


def _run_file(path: str, words: list[str]) -> None:
    sys.argv = [path, *words]
    sys.path.insert(0, str(Path(path).parent))
    runpy.run_path(path, run_name="__main__")


def _begin(environment: Mapping[str, str], streams: Mapping[int, int]) -> None:
    """Take an environment, and open files in the place of streams."""
    os.environ.clear()
    os.environ.update(environment)
    os.fsync = lambda fd: None  # noqa: ARG005 – as in the processes of pytest themselves
    torch.set_num_threads(1)
    for stream, file in streams.items():
        os.dup2(file, stream)
    for file in streams.values():
        os.close(file)
