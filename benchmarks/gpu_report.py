"""What `gpu.py` reports: promises, what failed and why, and sections that are measured in their own processes."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from command_line import note, write_figures


class Promise(NamedTuple):
    """A line of what is promised: a figure, and what it has to be at least, or at most."""

    section: str
    what: str
    found: float
    bound: float
    at_most: bool = False

    @property
    def kept(self) -> bool:
        """Whether it is."""
        return self.found <= self.bound if self.at_most else self.found >= self.bound


@dataclass
class Report:
    """What was found.

    Args:
        device: The device's name.
        file: Where it is written after each promise; None for nowhere.
        promises: All that were measured.
        failed: By section, why it came to no end.
    """

    device: str
    file: Path | None = None
    promises: list[Promise] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, promise: Promise) -> None:
        """Add a promise."""
        self.promises.append(promise)
        self.write()

    def fail(self, section: str, why: str) -> None:
        """Add that a section came to no end."""
        note(why)
        self.failed[section] = why
        self.write()

    def write(self) -> None:
        """Write what there is so far."""
        if self.file is not None:
            write_figures(self.figures(), self.file)

    def figures(self) -> dict[str, object]:
        """All of it as JSON."""
        rows = [promise._asdict() | {"kept": promise.kept} for promise in self.promises]
        return {"device": self.device, "promises": rows, "failed": self.failed}

    def show(self) -> None:
        """Print a table on the terminal."""
        table = Table("", "what", "found", "promised", "")
        for one in self.promises:
            bound = f"{'at most' if one.at_most else 'at least'} {one.bound:g}"
            table.add_row(one.section, one.what, f"{one.found:.4g}", bound, "kept" if one.kept else "NOT KEPT")
        for section, why in self.failed.items():
            table.add_row(section, escape(why.strip().splitlines()[-1]), "", "", "FAILED")
        Console().print(table)


def measure_apart(
    program: str, section: str, words: Sequence[str], report: Report, until: float, *, patience: float
) -> None:
    """Measure what a section promises in a process of its own, which may end as it likes.

    Args:
        program: The program, which takes a section, --minutes and --json.
        section: Which.
        words: Its other arguments.
        report: Where what it found goes.
        until: When all has to be done, by `time.monotonic()`.
        patience: Seconds after that in which it may still end by itself.
    """
    left = until - time.monotonic()
    if left <= 0:
        report.fail(section, "left out: the time is over")
        return
    with TemporaryDirectory() as folder:
        file = Path(folder, "figures.json")
        command = [sys.executable, program, section, "--minutes", str(left / 60), "--json", str(file), *words]
        try:
            status = subprocess.run(command, check=False, timeout=left + patience, stdout=2).returncode
            # 1 also says that a promise is not kept; it has written its figures then.
            why = "" if status in (0, 1) and file.is_file() else f"its process ended with {status}"
        except subprocess.TimeoutExpired:
            why = "out of time"
        found = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"promises": [], "failed": {}}
    for row in found["promises"]:
        report.add(Promise(**{name: row[name] for name in Promise._fields}))
    for name, reason in (found["failed"] or ({section: why} if why else {})).items():
        report.fail(name, reason)
