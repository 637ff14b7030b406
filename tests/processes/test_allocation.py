import subprocess
import sys

import pytest

from sceneparse.processes.allocation import GLIBC_SETTINGS, keep_freed_memory

FAULTS = """
import resource
from sceneparse.processes.allocation import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(3):
        b"1" * (48 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = faults()
kept = keep_freed_memory()
# At first it has none.
print(kept, before, [faults() for _ in range(2)][-1], resource.getpagesize())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is the library of Linux")
def test_freed_memory_stays_with_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in GLIBC_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    kept, before, after, page = done.stdout.split()
    if kept == "False":
        pytest.skip("the C library is not glibc")
    assert int(before) > 2 * 48 * 2**20 / int(page)  # each block is taken anew
    assert int(after) < 48 * 2**20 / int(page)


@pytest.mark.parametrize("name", GLIBC_SETTINGS)
def test_what_the_environment_says_of_the_allocator_holds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "0")
    assert not keep_freed_memory()
