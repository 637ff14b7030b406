"""What this process may use of its machine: cores, and memory, as the machine and its container allow."""

import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path

from sceneparse.processes.allocation import give_freed_memory_back
from sceneparse.processes.membership import membership

PROC, GROUPS = Path("/proc"), Path("/sys/fs/cgroup")

SHARED_BY = "SCENEPARSE_SHARED_BY"
"""The environment variable by which a sweep says how many trainings it runs at a time on this machine."""

NO_LIMIT = 1 << 60
"""Bytes from which a limit is none: cgroups of version 1 write a huge number."""


def usable_cores(proc: Path = PROC, groups: Path = GROUPS) -> int:
    """Return how many cores this process may use, at least 1: its share, where several train on this machine.

    The least of what the machine has, what the process is bound to, and the time that its container gets.

    Args:
        proc: Where the kernel says what it knows of processes.
        groups: Where it says what containers may use.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [_quota(folder) for folder in _folders(proc, groups, "cpu")]
    cores = min([bound, *(ceil(quota) for quota in quotas if quota is not None)])
    return max(1, cores // _sharing())


def available_memory(proc: Path = PROC, groups: Path = GROUPS) -> int | None:
    """Return the bytes of memory that this process can still take: its share, where several train on this machine.

    Args:
        proc: Where the kernel says what it knows of memory.
        groups: Where it says what containers may use.

    Returns:
        Bytes; None where the machine does not say (it is not Linux).
    """
    free = _field(proc / "meminfo", "MemAvailable")
    if free is None:
        return None
    left = [_left(folder) for folder in _folders(proc, groups, "memory")]
    return max(0, min([free, *(one for one in left if one is not None)])) // _sharing()


class PeakMemory:
    """The largest resident memory of this process since it was begun: `PeakMemory.begin()`, then `bytes()`."""

    @staticmethod
    def begin() -> bool:
        """Forget earlier peaks, and give back what the process has freed, which would hide what it takes next.

        Returns:
            Whether the machine can do that.
        """
        give_freed_memory_back()
        try:
            (PROC / "self" / "clear_refs").write_text("5")
        except OSError:
            return False
        return _field(PROC / "self" / "status", "VmHWM") is not None

    @staticmethod
    def bytes() -> int:
        """Return the peak since `begin`, which must have returned True."""
        return _field(PROC / "self" / "status", "VmHWM") or 0

    @staticmethod
    def now() -> int:
        """Return the resident memory."""
        return _field(PROC / "self" / "status", "VmRSS") or 0


def _sharing() -> int:
    member = membership()
    return (member.local_world if member is not None else 1) * int(os.environ.get(SHARED_BY, "1"))


def _folders(proc: Path, groups: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the groups that this process is in, from its own to the outermost, of both versions."""
    for line in _text(proc / "self" / "cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            root = groups
        elif controller in controllers.split(","):
            root = groups / controller
        else:
            continue
        inside = Path(path.lstrip("/"))
        yield from (root / one for one in (inside, *inside.parents))


def _quota(folder: Path) -> float | None:
    """The cores' worth of time that a group gets; None without a limit."""
    found = _text(folder / "cpu.max").split()
    if not found:
        found = [_text(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
    if len(found) != 2 or not all(word.lstrip("-").isdigit() for word in found) or int(found[0]) <= 0:
        return None
    return int(found[0]) / int(found[1])


def _left(folder: Path) -> int | None:
    """The bytes that a group can still take; None without a limit. What it keeps of files gives way."""
    for limit, used, kept in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        most, now = _text(folder / limit).strip(), _text(folder / used).strip()
        if most.isdigit() and now.isdigit() and int(most) < NO_LIMIT:
            lines = (line.split() for line in _text(folder / "memory.stat").splitlines())
            files = sum(int(words[1]) for words in lines if len(words) == 2 and words[0] == kept)
            return int(most) - int(now) + files
    return None


def _field(file: Path, name: str) -> int | None:
    """A line "name: number kB" of a file, in bytes."""
    for line in _text(file).splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) << 10
    return None


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
