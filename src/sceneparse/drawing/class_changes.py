"""The table of what became of a data set's own classes."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from sceneparse.data.class_changes import Change


def changes_table(changes: Sequence[Change]) -> Table:
    """Return the table of what became of each class that is called otherwise now, or that others came to."""
    table = Table(title="classes that were merged, dropped and renamed", title_justify="left")
    for heading in ("task", "class", "becomes", "pixels"):
        table.add_column(heading, justify="right" if heading == "pixels" else "left", overflow="fold")
    joined = {(change.task, change.becomes) for change in changes if change.moved}
    for change in changes:
        if change.moved or (change.task, change.becomes) in joined:
            pixels = "not counted" if change.pixels is None else f"{change.pixels:,}"
            table.add_row(change.task, Text(change.name), Text(change.becomes or "ignored"), pixels)
    return table
