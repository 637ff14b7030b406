"""Parquet results over several runs: which rows are there, and that each picture has one row in the end."""

import json
from collections import Counter, defaultdict
from typing import Any

from sceneparse.parsing.runs.collection.locations import Place, told
from sceneparse.parsing.runs.collection.stores import parts, read_part, write_part


def rows_there(place: Place) -> dict[str, list[str]]:
    """The digests of the rows that earlier runs left, by the names of their pictures."""
    there: dict[str, list[str]] = defaultdict(list)
    for part in parts(place):
        for row in read_part(part, ["name", "digest"]):
            there[row["name"]].append(row["digest"])
    return there


def settle(place: Place, now: dict[str, dict[str, Any]]) -> Counter[str]:
    """Take out rows of pictures that have changed or failed since, and rows that are there twice.

    A run that was ended in between may leave such rows, as may pictures that were replaced. Rows of pictures that are
    not in this collection stay.

    Args:
        place: The output folder.
        now: What this run tells of each picture, by its name (see `Told`).

    Returns:
        The classes' pixels over this collection's rows.
    """
    pixels: Counter[str] = Counter()
    seen: set[str] = set()
    for part in parts(place):
        keys = read_part(part, ["name", "digest", "json"])
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
            write_part(part, [row for row, good in zip(read_part(part), kept, strict=True) if good])
        else:
            with told(part.address):
                part.fs.rm_file(part.path)
    return pixels
