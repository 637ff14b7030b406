"""Run a program whose processes all end with it, also those that it started itself."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

PATIENCE = 3.0
"""Seconds in which a program may end by itself after it was asked to."""


def run_group(
    command: Sequence[str],
    *,
    timeout: float | None = None,
    patience: float = PATIENCE,
    environment: Mapping[str, str] | None = None,
    output: int | IO[str] = subprocess.PIPE,
    errors: int | IO[str] | None = subprocess.PIPE,
) -> subprocess.CompletedProcess[str]:
    """Run a program in a process group of its own.

    Where it takes too long, or this program is asked to end, all of the group are asked to end, and then killed: a
    loader's processes would go on to hold memory of a GPU.

    Args:
        command: The program and its arguments.
        timeout: Seconds that it may take; None for any.
        patience: Seconds in which it may end by itself.
        environment: Its environment; None for this one's.
        output: Where its standard output goes; as a rule into the result.
        errors: The same for standard error.

    Raises:
        TimeoutExpired: It took too long.
    """
    with subprocess.Popen(
        command, env=environment, stdout=output, stderr=errors, text=True, start_new_session=True
    ) as process:
        try:
            shown, said = process.communicate(timeout=timeout)
        except BaseException:
            _end(process, patience)
            raise
    return subprocess.CompletedProcess(command, process.returncode, shown or "", said or "")


def _end(process: "subprocess.Popen[str]", patience: float) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(patience)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
