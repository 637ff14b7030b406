"""What the doctor found: the findings, the balance of the classes, as JSON and as tables."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sceneparse.data.class_changes import Change
from sceneparse.drawing.class_changes import changes_table
from sceneparse.drawing.notebook import result_html, table_html
from sceneparse.errors import counted
from sceneparse.labels import LabelSpace

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""From what must be mended before training to what is merely good to know."""


@dataclass(frozen=True)
class Finding:
    """One kind of trouble.

    Args:
        severity: "error" (training or its figures would be wrong), "warning" (probably not meant) or "note".
        code: A stable short name, such as "mask-is-rgb".
        message: What, where, what to do.
        count: How many files (classes, pixels: what the message says) it concerns.
        examples: Up to ten of the files, relative to the data set's folder.
    """

    severity: Severity
    code: str
    message: str
    count: int = 1
    examples: tuple[str, ...] = ()


EXAMPLES = 10
"""Files that a finding names."""


def finding_of(severity: Severity, code: str, message: str, files: Sequence[str]) -> Finding:
    """Return a finding about some files, of which it names the first."""
    return Finding(severity, code, message, len(files), tuple(files[:EXAMPLES]))


@dataclass(frozen=True)
class SplitSummary:
    """What a split holds.

    Args:
        name: The split.
        pictures: Number of pictures with a mask.
        sizes: How often each (height, width) occurs.
        pixels: Pixels of each class.
        pictures_with: Pictures in which each class occurs.
        ignored: Ignored pixels.
        total: All mask pixels.
    """

    name: str
    pictures: int
    sizes: Counter[tuple[int, int]]
    pixels: tuple[int, ...]
    pictures_with: tuple[int, ...]
    ignored: int
    total: int

    def share(self, index: int) -> float:
        """The class's share of the pixels that count, 0..1."""
        return self.pixels[index] / max(sum(self.pixels), 1)


@dataclass(frozen=True)
class TaskSummary:
    """What the splits hold for one task.

    Args:
        task: scene, objects, parts, materials or textures.
        labels: Its label space.
        splits: Counts of each split, of the pictures that are labelled for the task. A scene counts as one pixel.
    """

    task: str
    labels: LabelSpace
    splits: tuple[SplitSummary, ...]


@dataclass(frozen=True)
class Diagnosis:
    """All that a check found.

    Args:
        kind: The data set's kind.
        root: Its folder, None where there is none.
        labels: Its label space.
        splits: Its splits.
        findings: Errors first, then warnings, then notes.
        seconds: How long the check took.
        others: What the splits hold for other tasks than that of `labels`, where the check looks at several.
        changes: What became of the data set's own classes, where `data.classes` merges, drops or renames some.
        report: The file that it was written to; None where none was.
    """

    kind: str
    root: str | None
    labels: LabelSpace
    splits: tuple[SplitSummary, ...]
    findings: tuple[Finding, ...]
    seconds: float
    others: tuple[TaskSummary, ...] = ()
    changes: tuple[Change, ...] = ()
    report: Path | None = None

    def __repr__(self) -> str:
        return f"Diagnosis({self.named}: {self.verdict})"

    def _repr_html_(self) -> str:
        found = [(one.severity, one.code, one.message, ", ".join(one.examples)) for one in self.findings]
        tables = [table_html(("", "finding", "what, where, what to do", "files"), found, texts=4)] if found else []
        tables.append(table_html(SPLIT_COLUMNS, _split_rows(self.splits)))
        tables.append(_balance_html("class", self.labels, self.splits))
        tables += [_balance_html(other.task, other.labels, other.splits) for other in self.others]
        return result_html(repr(self), tables, report=self.report)

    @property
    def named(self) -> str:
        """Its kind and its folder, where it has one."""
        return f"{self.kind} {self.root or ''}".strip()

    @property
    def ok(self) -> bool:
        """Whether there are no errors."""
        return not self.count("error")

    def count(self, severity: Severity) -> int:
        """Number of findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    @property
    def verdict(self) -> str:
        """The overall verdict in a line."""
        files = counted(sum(split.pictures for split in self.splits), "picture")
        parts = [counted(self.count(severity), severity) for severity in SEVERITIES if self.count(severity)]
        state = "ready to train on" if self.ok else "not ready: mend the errors first"
        return f"{files}: {state}" + (f" ({', '.join(parts)})" if parts else "")

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            "kind": self.kind,
            "root": self.root,
            "ok": self.ok,
            "verdict": self.verdict,
            "labels": self.labels.to_json(),
            "splits": [_split_to_json(split, self.labels) for split in self.splits],
            "tasks": {
                other.task: {
                    "labels": other.labels.to_json(),
                    "splits": [_split_to_json(split, other.labels) for split in other.splits],
                }
                for other in self.others
            },
            "findings": [
                {
                    "severity": finding.severity,
                    "code": finding.code,
                    "message": finding.message,
                    "count": finding.count,
                    "examples": list(finding.examples),
                }
                for finding in self.findings
            ],
            **({"class_changes": [change.to_json() for change in self.changes]} if self.changes else {}),
            "seconds": round(self.seconds, 3),
        }


def _split_to_json(split: SplitSummary, labels: LabelSpace) -> dict[str, Any]:
    return {
        "name": split.name,
        "pictures": split.pictures,
        "sizes": [
            {"height": height, "width": width, "pictures": count}
            for (height, width), count in split.sizes.most_common()
        ],
        "pixels": dict(zip(labels.names, split.pixels, strict=True)),
        "pictures_with": dict(zip(labels.names, split.pictures_with, strict=True)),
        "ignored": split.ignored,
        "total": split.total,
    }


def print_diagnosis(diagnosis: Diagnosis, console: Console) -> None:
    """Print splits, class balance, findings and the verdict."""
    # Lines of their own, and not the tables' titles, which would be broken at the tables' widths. As text: a folder's
    # square brackets are no markup.
    heading = Text(diagnosis.named, style="bold")
    console.print(heading, soft_wrap=True)
    console.print(_splits_table(diagnosis))
    if diagnosis.changes:
        console.print(changes_table(diagnosis.changes))
    title = "share of labelled pixels, and pictures, by class"
    console.print(title)
    console.print(_balance_table(diagnosis.labels, diagnosis.splits))
    for other in diagnosis.others:
        console.print(f"{other.task}: {title}")
        console.print(_balance_table(other.labels, other.splits))
    style = {"error": "bold red", "warning": "bold yellow", "note": "cyan"}
    for finding in diagnosis.findings:
        line = Text.assemble((f"{finding.severity:<8}", style[finding.severity]), (finding.code, "bold"))
        console.print(line.append(f"\n  {finding.message}"), soft_wrap=True)
        if finding.examples:
            more = finding.count - len(finding.examples)
            names = ", ".join(finding.examples) + (f" and {more:,} more" if more > 0 else "")
            console.print(Text(f"  {names}", style="dim"), soft_wrap=True)
    console.print(Text(diagnosis.verdict, style="bold green" if diagnosis.ok else "bold red"), soft_wrap=True)


NEVER = "never"
"""What stands in place of a class's share in a split that has none of it."""

SPLIT_COLUMNS = ("split", "pictures", "sizes (width×height)", "ignored")


def _split_rows(splits: Sequence[SplitSummary]) -> list[tuple[str, str, str, str]]:
    rows = []
    for split in splits:
        ignored = f"{split.ignored / split.total:.1%}" if split.total else "–"
        rows.append((split.name, f"{split.pictures:,}", describe_sizes(split.sizes), ignored))
    return rows


def _splits_table(diagnosis: Diagnosis) -> Table:
    table = Table()
    for heading in SPLIT_COLUMNS:
        table.add_column(heading, justify="right" if heading in ("pictures", "ignored") else "left")
    for name, *others in _split_rows(diagnosis.splits):
        table.add_row(Text(name), *others)
    return table


def _balance_rows(labels: LabelSpace, splits: Sequence[SplitSummary]) -> list[tuple[int, list[str]]]:
    """The index of each class with its share and its pictures in every split.

    Of large label spaces those alone that occur, since the findings name the others.
    """
    rows = []
    for index in range(len(labels)):
        if len(labels) > 200 and not any(split.pictures_with[index] for split in splits):
            continue
        cells = []
        for split in splits:
            absent = split.pictures_with[index] == 0
            cells += [NEVER if absent else f"{split.share(index):.2%}", f"{split.pictures_with[index]:,}"]
        rows.append((index, cells))
    return rows


def _balance_html(title: str, labels: LabelSpace, splits: Sequence[SplitSummary]) -> str:
    columns = [title, *(heading for split in splits for heading in (split.name, "pictures"))]
    rows = [(labels.names[index], *cells) for index, cells in _balance_rows(labels, splits)]
    return table_html(columns, rows)


def _balance_table(labels: LabelSpace, splits: Sequence[SplitSummary]) -> Table:
    # Three splits leave names a line of 80 columns only without blanks at each side.
    table = Table(padding=(0, 0) if len(splits) > 2 else (0, 1))
    table.add_column("id", justify="right")
    table.add_column("class")
    for split in splits:
        table.add_column(Text(split.name), justify="right")
        table.add_column("pictures", justify="right")
    for index, cells in _balance_rows(labels, splits):
        color = Text.assemble(("■ ", "rgb({},{},{})".format(*labels.colors[index])), labels.names[index])
        shown = [Text(cell, style="yellow") if cell == NEVER else cell for cell in cells]
        table.add_row(str(labels.ids[index]), color, *shown)
    return table


def describe_sizes(sizes: Counter[tuple[int, int]]) -> str:
    """Return a size as "480×360", or the smallest and the largest of several."""
    if not sizes:
        return "–"
    ordered: Sequence[tuple[int, int]] = sorted(sizes, key=lambda size: (size[0] * size[1], size))
    texts = [f"{width}×{height}" for height, width in (ordered[0], ordered[-1])]
    return texts[0] if len(ordered) == 1 else f"{len(ordered)} sizes, {texts[0]} to {texts[1]}"
