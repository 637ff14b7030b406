"""What `gpu.py` reports: promises, what failed and why, and sections that are measured in their own processes."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from command_line import note, write_figures
from process_groups import run_group

PATIENCE = 10.0
"""Seconds in which a section whose time is over may end what it has started."""


@dataclass(frozen=True)
class Promise:
    """A line of what is promised: a figure, and what it has to be at least, or at most.

    Args:
        section: The section that measures it.
        what: In words, the same whenever it is measured.
        found: The figure; None where nothing could be measured.
        bound: What it has to be.
        at_most: Whether the bound is an upper one.
        rows: What it is made of, by name.
        unit: Of these.
        shares: How much of the device's peak arithmetic they reach, of those where that says something.
        missing: The rows of others that it is defined against but that were not measured, each with the reason: with
            them the figure would be the same or worse.
        untried: The rows of ours that were not measured, likewise: with them it would be the same or better.
    """

    section: str
    what: str
    found: float | None
    bound: float
    at_most: bool = False
    rows: dict[str, float] = field(default_factory=dict)
    unit: str = ""
    shares: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    untried: dict[str, str] = field(default_factory=dict)

    @property
    def kept(self) -> bool | None:
        """Whether it is; None where that depends on what was not measured."""
        if self.found is None:
            return None
        holds = self.found <= self.bound if self.at_most else self.found >= self.bound
        return None if (self.missing if holds else self.untried) else holds

    @property
    def verdict(self) -> str:
        """Whether it is kept, in words."""
        return {True: "kept", False: "NOT KEPT", None: "open"}[self.kept]

    @property
    def figure(self) -> str:
        """The figure in words."""
        return "–" if self.found is None else f"{self.found:.4g}"

    def lacks(self) -> list[str]:
        """What was not measured, and why, a line each."""
        return [f"without {row}: {why}" for row, why in {**self.missing, **self.untried}.items()]


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
        """Add a promise, in the place of what was known of it before."""
        for place, known in enumerate(self.promises):
            if (known.section, known.what) == (promise.section, promise.what):
                self.promises[place] = promise
                break
        else:
            self.promises.append(promise)
        self.write()

    def fail(self, section: str, why: str) -> None:
        """Add that a section came to no end."""
        note(why)
        self.failed[section] = why
        self.write()

    @property
    def all_kept(self) -> bool:
        """Whether every promise is known to be kept, and nothing failed."""
        return not self.failed and all(promise.kept for promise in self.promises)

    def write(self) -> None:
        """Write what there is so far."""
        if self.file is not None:
            write_figures(self.figures(), self.file)

    def figures(self) -> dict[str, object]:
        """All of it as JSON; `kept` is null where it is open."""
        rows = [asdict(promise) | {"kept": promise.kept} for promise in self.promises]
        return {"device": self.device, "promises": rows, "failed": self.failed}

    def show(self) -> None:
        """Print tables of the promises and of the rows behind them, and what was not measured."""
        table = Table("", "what", "found", "promised", "")
        for one in self.promises:
            bound = f"{'at most' if one.at_most else 'at least'} {one.bound:g}"
            table.add_row(one.section, one.what, one.figure, bound, one.verdict)
        for section, why in self.failed.items():
            table.add_row(section, escape(why.strip().splitlines()[-1]), "", "", "FAILED")
        console = Console()
        console.print(table)
        rows = Table("", "what", "row", "found", "of the peak")
        shown: dict[str, float] = {}
        for one in self.promises:
            if one.rows != shown:  # promises of the same rows follow each other
                for row, value in one.rows.items():
                    share = f"{one.shares[row]:.1%}" if row in one.shares else ""
                    rows.add_row(one.section, one.what.partition(":")[0], row, f"{value:.4g} {one.unit}", share)
            shown = one.rows
        console.print(rows)
        for one in self.promises:
            for line in one.lacks():
                console.print(escape(f"{one.section}, {one.what}: {line}"))


def measure_apart(program: str, section: str, words: Sequence[str], report: Report, until: float) -> None:
    """Measure what a section promises in a process of its own, which may end as it likes.

    All that it has started ends with it.

    Args:
        program: The program, which takes a section, --here and --json.
        section: Which.
        words: Its other arguments.
        report: Where what it found goes.
        until: When it has to be done, by `time.monotonic()`.
    """
    left = until - time.monotonic()
    if left <= 0:
        report.fail(section, "left out: the time is over")
        return
    with TemporaryDirectory() as folder:
        file = Path(folder, "figures.json")
        command = [sys.executable, program, section, "--here", str(until), "--json", str(file), *words]
        late = False
        try:
            status = run_group(command, timeout=left, patience=PATIENCE, output=2, errors=None).returncode
            # 1 also says that a promise is not kept; it has written its figures then.
            why = "" if status in (0, 1) and file.is_file() else f"its process ended with {status}"
        except subprocess.TimeoutExpired:
            why, late = "out of time", True
        found = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"promises": [], "failed": {}}
    for row in found["promises"]:
        report.add(Promise(**{one.name: row[one.name] for one in fields(Promise) if one.name in row}))
    # Of a section that was made to end, that is what there is to say.
    failed = {} if late else found["failed"]
    for name, reason in (failed or ({section: why} if why else {})).items():
        report.fail(name, reason)
