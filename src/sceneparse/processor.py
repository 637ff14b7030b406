"""What the system tells of the processor."""

import platform
from functools import cache
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


@cache
def told_of_processor(field: str) -> str | None:
    """Return what Linux tells under this name ("model name", "vendor_id"), or None where it tells nothing."""
    try:
        lines = CPUINFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == field), None)


def made_by_amd() -> bool:
    """Return whether the processor is AMD's."""
    # Windows tells its maker behind its family: "AMD64 Family 25 Model 17 Stepping 1, AuthenticAMD".
    return "AuthenticAMD" in (told_of_processor("vendor_id") or platform.processor())
