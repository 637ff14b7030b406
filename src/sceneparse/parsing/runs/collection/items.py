"""What a collection is made of: one item a picture, wherever it lies, and chunks of them for the workers."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

SMALLEST_CHUNK, LARGEST_CHUNK, MOST_CHUNKS = 4, 64, 2000
"""Chunks of large collections are larger, so that there are no more than some thousands."""


@dataclass(frozen=True)
class Item:
    """A picture of a collection.

    Args:
        number: Its index in the collection, from 0.
        name: The name of its outputs, unique in the collection.
        file: What messages and JSON call it.
        kind: A file of its own, a member of a tar file, or a row of a Parquet file.
        address: The path or URL of the file that holds it.
        start: Where it begins: the offset in the tar file in bytes, or the row group.
        length: Bytes of a member, or the row within its group.
        column: The Parquet file's column.
        held_by: Size and version of the tar or Parquet file, which differ for a changed one.
        rows_there: Digests of the rows that earlier runs left of it, where results are Parquet files.
        problem: Why there is nothing to read, if that was found already.
    """

    number: int
    name: str
    file: str
    kind: Literal["file", "tar", "parquet"]
    address: str
    start: int = 0
    length: int = 0
    column: str = ""
    held_by: dict[str, Any] = dataclasses.field(default_factory=dict)
    rows_there: tuple[str, ...] = ()
    problem: str | None = None


def chunks(items: Sequence[Item], smallest: int = SMALLEST_CHUNK) -> Iterator[Sequence[Item]]:
    """Cut a collection into chunks for one call of a worker each; rows of a group of a Parquet file stay together.

    A worker that dies loses what it has begun of one chunk; a row group is read once for each of its chunks.

    Args:
        items: The collection.
        smallest: Items of a chunk at least, as far as there are so many, up to `LARGEST_CHUNK`.
    """
    size = min(LARGEST_CHUNK, max(smallest, -(-len(items) // MOST_CHUNKS)))
    first = 0
    for index, item in enumerate(items):
        before = items[index - 1] if index else item
        group = item.kind == "parquet" and (before.address, before.start) == (item.address, item.start)
        if index > first and (
            index - first >= (LARGEST_CHUNK if group else size) or (before.kind == "parquet" and not group)
        ):
            yield items[first:index]
            first = index
    if first < len(items):
        yield items[first:]


def packed(items: Sequence[Item]) -> str:
    """Return items as text, to be sent to a worker."""
    return json.dumps([dataclasses.asdict(item) for item in items])


def unpacked(text: str) -> list[Item]:
    """Return the items that `packed` made text of."""
    return [Item(**fields) for fields in json.loads(text)]
