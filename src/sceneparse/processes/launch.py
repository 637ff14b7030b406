"""Start a command in several processes on this machine, watch them, and end with one exit code.

The command line that was asked for starts the same command so many times and then only watches: it passes Ctrl-C on,
and when one process fails it ends the others and says why, once. The processes find each other as under torchrun.
"""

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import IO

from sceneparse.errors import UserError, require
from sceneparse.processes.machine import usable_cores
from sceneparse.processes.membership import PORTS, membership

SUPERVISED = "SCENEPARSE_SUPERVISED"
"""Set in processes that `launch` started: it reports for them when they lose their connection."""

LOST = 3
"""Exit code of a process that was left alone by the others, and has nothing to say itself."""
STOPPED = 130
"""Exit code of a process that was stopped by Ctrl-C."""
ENDED_WELL = (None, 0, STOPPED, -signal.SIGINT, -signal.SIGTERM)
"""What a process that did not fail returns; the last two if it was asked to end before it could listen."""

PATIENCE = 5.0
"""Seconds that the other processes have to end by themselves after one failed, or after the first has ended."""
TICK = 0.05
LINES = 20
"""Last lines that are shown of what a process other than the first said before it failed."""


def supervised() -> bool:
    """Return whether this process was started by `launch`."""
    return SUPERVISED in os.environ


def to_launch(devices: int | None, nodes: int | None) -> bool:
    """Return whether processes must be started: not if this is one of them already, or if one is enough.

    Args:
        devices: Processes on each machine that are asked for; None takes what there is.
        nodes: Machines, likewise.

    Raises:
        UserError: Less than one, or another number than the launcher started.
    """
    require(devices is None or devices >= 1, f"--devices is {devices}, but must be at least 1")
    require(nodes is None or nodes >= 1, f"--num-nodes is {nodes}, but must be at least 1")
    member = membership()
    if member is None:
        return (devices or 1) * (nodes or 1) > 1
    for option, asked, there in (("devices", devices, member.local_world), ("num-nodes", nodes, member.nodes)):
        require(
            asked is None or asked == there,
            f"--{option} is {asked}, but the launcher (torchrun, srun) started {there}: leave the option out",
        )
    return False


def launch(command: Sequence[str], devices: int, nodes: int) -> int:
    """Run a sceneparse command in several processes and wait for them to end.

    Args:
        command: The command and its arguments, as behind `sceneparse`.
        devices: Processes on this machine.
        nodes: Machines; on each this is called, with MASTER_ADDR, MASTER_PORT and NODE_RANK in the environment.

    Returns:
        The exit code: 0, that of the first process that failed, or 130 after Ctrl-C.

    Raises:
        UserError: The environment doesn't say where the other machines are.
    """
    shared = _rendezvous(nodes) | {
        "WORLD_SIZE": str(devices * nodes),
        "LOCAL_WORLD_SIZE": str(devices),
        # What PyTorch warns of in C++ is for its own developers, such as that a batch used all heads of a network.
        "TORCH_CPP_LOG_LEVEL": os.environ.get("TORCH_CPP_LOG_LEVEL", "ERROR"),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(max(1, usable_cores() // devices))),
        # What Fabric and torch know a process of torchrun by.
        "TORCHELASTIC_RUN_ID": "sceneparse",
        SUPERVISED: "1",
    }
    first = int(shared["GROUP_RANK"]) * devices
    with TemporaryDirectory(prefix="sceneparse-") as folder, ExitStack() as stack:
        texts = [Path(folder) / f"{number}.txt" for number in range(devices)]
        watch = stack.enter_context(_Watch())
        for number, text in enumerate(texts):
            environment = os.environ | shared | {"RANK": str(first + number), "LOCAL_RANK": str(number)}
            # One process speaks; what the others say is shown only if they fail.
            said: IO[bytes] | None = stack.enter_context(text.open("wb")) if number else None
            watch.processes.append(
                subprocess.Popen(
                    # Without the current folder among the places that modules are imported from (-P), whose files
                    # may be called as they are.
                    [sys.executable, "-P", "-m", "sceneparse.cli", *command],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    # A terminal's Ctrl-C reaches this process alone, which passes it on.
                    start_new_session=True,
                )
            )
        watch.wait()
        return _verdict([process.returncode for process in watch.processes], watch.failed, texts, first)


def failed(code: int, text: str) -> int:
    """Print why a command failed, once for all processes, and return its exit code.

    Args:
        code: The exit code; `LOST` if only the connection to the others broke.
        text: The line for the user.
    """
    member = membership()
    if member is not None and member.rank > 0 and not supervised():
        # torchrun ends all soon after the first has failed: a mistake that all of them meet is reported by the first.
        time.sleep(1)
    if not (code == LOST and supervised()):
        print(text, file=sys.stderr)
    return leave(code)


def leave(code: int) -> int:
    """End this process if it is one of several; otherwise return the exit code.

    At once: what clears up at a regular exit may wait for processes that have ended, or failed.
    """
    if membership() is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def end_with_parent() -> None:
    """End this process as soon as the one that started it is gone, however that ended (on Linux)."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


class _Watch:
    """Waits for processes, passes signals on to them, and ends all soon after one has failed or the first has ended.

    The first is the one that writes, so the others have nothing left to do; but one that meets nobody any more, since a
    Ctrl-C came while they were looking for each other, would wait for half an hour.

    Attributes:
        processes: The processes.
        failed: Index of the first that failed.
    """

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []
        self.failed: int | None = None
        self._signals = 0
        self._before = {number: signal.signal(number, self._pass_on) for number in (signal.SIGINT, signal.SIGTERM)}

    def __enter__(self) -> "_Watch":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        self._signals += 1
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(number)

    def wait(self) -> None:
        """Wait until all processes have ended."""
        end = None
        # All are asked each time: one whose end nobody asked for is not known to have failed.
        while None in [process.poll() for process in self.processes]:
            self._note_failure()
            # A single Ctrl-C is obeyed after the step and a checkpoint, which takes as long as it takes.
            if end is None and (
                self.failed is not None or self._signals > 1 or self.processes[0].returncode is not None
            ):
                end = time.monotonic() + PATIENCE
            if end is not None and time.monotonic() > end:
                return
            time.sleep(TICK)
        self._note_failure()

    def _note_failure(self) -> None:
        """Note the first process that failed; those that only lost it count if there is no other."""
        codes = [process.returncode for process in self.processes]
        if self.failed is None or codes[self.failed] == LOST:
            ended = [index for index, code in enumerate(codes) if code not in ENDED_WELL]
            self.failed = min(ended, key=lambda index: codes[index] == LOST, default=None)


def _verdict(codes: Sequence[int | None], failed: int | None, texts: Sequence[Path], first: int) -> int:
    """Return the exit code of the whole command, after printing what no process could print on the terminal itself."""
    if failed is None:
        return STOPPED if any(codes) else 0
    code = codes[failed]
    assert code is not None
    if code == LOST:
        print("error: the connection to the processes of another machine broke: see what they say", file=sys.stderr)
        return 1
    if sys.platform != "win32" and code < 0:  # there no signals end a process
        why = ", most often for want of memory" if code == -signal.SIGKILL else ""
        print(f"error: process {first + failed} was ended by {signal.Signals(-code).name}{why}", file=sys.stderr)
        return 1
    # A mistake that all of them meet is reported by the first.
    if failed and codes[0] != code:
        lines = texts[failed].read_text(encoding="utf-8", errors="replace").splitlines()
        print("\n".join(lines[-LINES:]) or f"error: process {first + failed} failed ({code})", file=sys.stderr)
    return code


def _free_port() -> int:
    """Return a port on which nobody listens, below those that systems give to clients.

    Until the first process listens there, the others try again and again. Given such a port by the system, one of them
    could meet itself, or any program that was given it in between.
    """
    for port in random.sample(range(*PORTS), 100):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise UserError(f"no port from {PORTS[0]} to {PORTS[1] - 1} is free for the processes to meet at")


def _rendezvous(nodes: int) -> dict[str, str]:
    """Return the environment variables that say where the processes meet."""
    if nodes == 1:
        return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "GROUP_RANK": "0"}
    missing = [name for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK") if name not in os.environ]
    if missing:
        raise UserError(
            f"--num-nodes {nodes} needs {', '.join(missing)} in the environment of each machine: the address of the "
            "first, a free port there, and the machine's number from 0; torchrun and srun set them themselves"
        )
    return {
        "MASTER_ADDR": os.environ["MASTER_ADDR"],
        "MASTER_PORT": os.environ["MASTER_PORT"],
        "GROUP_RANK": os.environ["NODE_RANK"],
    }
