"""The settings of MMSegmentation's published files, by their names.

`published.csv` has them as the resolved configurations of mmsegmentation 1.2.2 give them, one file a row.
"""

import ast
import csv
import re
from functools import cache
from importlib import resources
from typing import Any

from sceneparse.weights.importing.families.mmseg.facts import Facts, Numbers, numbers
from sceneparse.weights.importing.families.mmseg.pipeline import TestedSize

STAMP = re.compile(r"[_-]\d{8}(_\d{6})?-[0-9a-f]{8}$")
"""What a published file's name ends with: when it was trained, and eight digits of a hash."""


def published_facts(file: str) -> Facts | None:
    """Return the facts of the published file of this name; None for a name that is none.

    Args:
        file: A file's name, without its folder. It may lack the date and hash, or be the configuration's name.
    """
    stem = re.sub(r"\.(pth|pt|bin|safetensors)$", "", file, flags=re.IGNORECASE).lower()
    row = _rows().get(stem)
    return None if row is None else _facts(row)


@cache
def published_rows() -> tuple[dict[str, str], ...]:
    """Return the table: a row for each published file."""
    text = (resources.files(__package__) / "published.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


@cache
def _rows() -> dict[str, dict[str, str]]:
    """Return the rows by every name that stands for one of them alone, or for several that say the same."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in published_rows():
        for name in {row["file"], row["name"], STAMP.sub("", row["file"])}:
            found.setdefault(name.lower(), []).append(row)
    return {
        name: rows[0] for name, rows in found.items() if all(_settings(row) == _settings(rows[0]) for row in rows[1:])
    }


def _settings(row: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in row.items() if key not in ("file", "name")}


def _tested(scale: Numbers | None) -> TestedSize | None:
    """Return the test size of a published configuration, which keeps the picture's proportions."""
    if scale is None:
        return None
    short, long = sorted(scale)
    return TestedSize("short", (short,), long)


def _facts(row: dict[str, str]) -> Facts:
    def read(key: str) -> Any:
        return ast.literal_eval(row[key]) if row[key] else None

    return Facts(
        source=f"the published name {row['name']}",
        head=row["head"],
        backbone=row["backbone"],
        align_corners=read("align_corners"),
        strides=numbers(read("strides")),
        dilations=numbers(read("dilations")),
        multi_grid=numbers(read("multi_grid")),
        head_dilation=read("head_dilation"),
        rates=numbers(read("rates")),
        bins=(1, 2, 3, 6),
        out_indices=numbers(read("out_indices")),
        tested=_tested(numbers(read("scale"))),
        window=numbers(read("window")),
        step=numbers(read("step")),
        mean=(123.675, 116.28, 103.53),
        std=(58.395, 57.12, 57.375),
    )
