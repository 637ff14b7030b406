"""Memory that a process frees stays with the process, until it is to be given back."""

import ctypes
import os
import platform

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""Parameters of glibc's mallopt (malloc.h)."""

GLIBC_SETTINGS = ("GLIBC_TUNABLES", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_")


def keep_freed_memory() -> bool:
    """Let the process keep the memory that it frees, for what it allocates next; only glibc can.

    glibc gives blocks of more than 32 MiB back to the system when they are freed, and takes them anew, where each of
    their pages is cleared at its first touch. A training on the CPU allocates such maps a hundred times a step: it
    spends more time on that than on filling them.

    Returns:
        Whether it does now. Not where the environment says how glibc is to allocate: then that holds.
    """
    if platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in GLIBC_SETTINGS):
        return False
    library = ctypes.CDLL(None)
    return bool(library.mallopt(MMAP_MAX, 0)) and bool(library.mallopt(TRIM_THRESHOLD, 2**31 - 1))


def give_freed_memory_back() -> None:
    """Give the memory that the process has freed back to the system, whatever it keeps by itself; only glibc can.

    What is measured afterwards counts all that is allocated anew, in a process that has trained before as well.
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
