"""`sceneparse data list` as functions: all kinds in a table, or all that is known of one."""

from typing import Any

from rich.table import Table

from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kinds import KINDS


def overview() -> Table:
    """A row for each kind."""
    table = Table(title="kinds of data sets (--data.kind)", title_justify="left", caption_justify="left")
    table.caption = "sceneparse data list KIND says how it lies on disk, its terms and its benchmark's test"
    table.add_column("kind", no_wrap=True)
    table.add_column("what it is")
    table.add_column("pictures")
    table.add_column("to be had", no_wrap=True)
    for kind, known in KINDS.usable():
        entry = known.entry
        by_hand = "by hand" if entry.page else ""
        how = f"data get, {entry.size}" if entry.downloads else entry.size or by_hand
        table.add_row(kind, entry.title, entry.contents.partition(";")[0], how)
    return table


def describe(kind: str) -> str:
    """All that is known of a kind, in lines."""
    from sceneparse.recipes import help_lines  # which reads settings of data, and so asks for kinds

    entry, options = KINDS[kind].entry, KINDS[kind].options
    lines = [
        f"{kind}: {entry.title}",
        f"  contents   {entry.contents}",
        f"  licence    {entry.licence}",
        *([f"  page       {entry.page}"] if entry.page else []),
        *([f"  test       {entry.test}"] if entry.test else []),
        f"  get it     {_how(kind, entry)}",
        *(f"             {d.url} ({d.checksum or 'no checksum known'})" for d in entry.downloads),
        f"  on disk    {entry.tree[0]}",
        *(f"             {line}" for line in entry.tree[1:]),
        *(help_lines(options(), "data.options") if options is not None else ()),
    ]
    return "\n".join(lines)


def catalogue_json() -> dict[str, Any]:
    """All that is known of all kinds."""
    entries = {kind: known.entry for kind, known in KINDS.usable()}
    return {
        kind: {
            "title": entry.title,
            "contents": entry.contents,
            "licence": entry.licence,
            "page": entry.page,
            "size": entry.size,
            "test": entry.test,
            "tree": list(entry.tree),
            "downloads": [{"url": d.url, "checksum": d.checksum, "into": d.into or "."} for d in entry.downloads],
            "by_hand": entry.by_hand,
        }
        for kind, entry in entries.items()
    }


def _how(kind: str, entry: Entry) -> str:
    return f"sceneparse data get {kind} --out DIR ({entry.size})" if entry.downloads else entry.by_hand
