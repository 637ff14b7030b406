"""Parquet results of several runs: find the rows that exist, and leave one row for each picture."""

import json
from collections import Counter, defaultdict
from typing import Any

from sceneparse.parsing.runs.collection.locations import Location, store_errors
from sceneparse.parsing.runs.collection.stores import read_rows, result_files, write_rows


def rows_there(location: Location) -> dict[str, list[str]]:
    """Return the digests of the rows that earlier runs left, by the names of their pictures."""
    there: dict[str, list[str]] = defaultdict(list)
    for file in result_files(location):
        for row in read_rows(file, ["name", "digest"]):
            there[row["name"]].append(row["digest"])
    return there


def deduplicate(location: Location, now: dict[str, dict[str, Any]]) -> Counter[str]:
    """Take out rows of pictures that have changed or failed since, and rows that are there twice.

    A run that was ended in between may leave such rows, as may pictures that were replaced. Rows of pictures that are
    not in this collection stay.

    Args:
        location: The output folder.
        now: What became of each picture in this run, by its name (see `Outcome`).

    Returns:
        The classes' pixels over this collection's rows.
    """
    pixels: Counter[str] = Counter()
    seen: set[str] = set()
    for file in result_files(location):
        keys = read_rows(file, ["name", "digest", "json"])
        kept = []
        for row in keys:
            one, name = now.get(row["name"]), row["name"]
            good = name not in seen and (one is None or (one["status"] != "failed" and one["digest"] == row["digest"]))
            kept.append(good)
            if good:
                seen.add(name)
                if one is not None:
                    pixels.update({entry["name"]: entry["pixels"] for entry in json.loads(row["json"])["classes"]})
        if all(kept):
            continue
        if any(kept):
            write_rows(file, [row for row, good in zip(read_rows(file), kept, strict=True) if good])
        else:
            with store_errors(file.address):
                file.fs.rm_file(file.path)
    return pixels
