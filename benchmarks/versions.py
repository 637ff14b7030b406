"""Call the command line of this version or of another, and measure what it takes."""

import os
import resource
import sys
import time
from pathlib import Path
from typing import NamedTuple

from process_groups import run_group
from sceneparse.cli import main as main_of_commands

TIMER = """
import resource, sys
from pathlib import Path
from sceneparse.cli import main
status = main(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF)
# On Linux ru_maxrss begins with what the parent held; the kernel's own mark does not.
peak = used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
if sys.platform == "linux":
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 2**10
print(f"measured {peak} {used.ru_utime + used.ru_stime}")
sys.exit(status)
"""


class Taken(NamedTuple):
    """What a call of the command line took: seconds, seconds of all processors together, and peak memory in MiB."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


def checked_sources(sources: Path) -> Path:
    """Return a version's folder src, which must hold the package.

    Without it Python would go on to the version that is installed, which would be compared with itself.
    """
    if not (sources / "sceneparse" / "__init__.py").is_file():
        raise SystemExit(f"{sources}: no package sceneparse there; give the folder src of a checkout")
    return sources


def call(sources: Path, folder: Path, *words: object, timeout: float | None = None) -> Taken:
    """Call the command line of a version in a process of its own.

    Args:
        sources: The version's folder src.
        folder: Where it may keep converted models.
        words: The command and its arguments.
        timeout: Seconds that it may take; all its processes are ended then. None for any.

    Raises:
        TimeoutExpired: It took longer.
    """
    # What else lies on the path, such as packages that are not installed, is found behind the version.
    path = os.pathsep.join(filter(None, [str(checked_sources(sources)), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "SCENEPARSE_CACHE": str(folder / "cache")}
    begin = time.perf_counter()
    done = run_group([sys.executable, "-c", TIMER, *map(str, words)], environment=environment, timeout=timeout)
    seconds = time.perf_counter() - begin
    if done.returncode:
        # Who is ended for want of memory says nothing itself.
        ended = f"ended by signal {-done.returncode}; " if done.returncode < 0 else ""
        raise SystemExit(f"{' '.join(map(str, words))}: {ended}{done.stderr.strip()}")
    peak, cpu = done.stdout.rsplit("measured ", 1)[1].split()
    return Taken(seconds, float(cpu), float(peak))


def call_here(*words: object) -> Taken:
    """Call this version's command line in this process, whose memory means nothing."""
    begin, cpu = time.perf_counter(), time.process_time()
    if status := main_of_commands([str(word) for word in words]):
        raise SystemExit(status)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    return Taken(time.perf_counter() - begin, time.process_time() - cpu, peak)
