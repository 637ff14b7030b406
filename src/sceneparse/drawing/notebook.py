"""Results in a notebook: a line of facts, tables, and where the report is, as HTML with nothing to fetch."""

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

CELL = "padding:1px 6px;text-align:"


def result_html(facts: str, tables: Sequence[str] = (), notes: Sequence[str] = (), report: Path | None = None) -> str:
    """Return a result as a piece of HTML, in the colours of the page.

    Args:
        facts: The result in a line, as its `repr`.
        tables: What `table_html` made.
        notes: Lines below the tables.
        report: The file to go on with; None where none was written.
    """
    lines = "".join(f'<div style="opacity:.65;font-size:85%">{escape(note)}</div>' for note in notes)
    link = ""
    if report is not None:
        # A notebook's page reaches what lies below its own folder, by the way from there.
        here = Path.cwd()
        below = report.is_relative_to(here) or not report.is_absolute()
        address = quote(Path(os.path.relpath(report)).as_posix()) if below else report.as_uri()
        link = f'<div>report: <a href="{escape(address)}" target="_blank">{escape(str(report))}</a></div>'
    return f"<div><div>{escape(facts)}</div>{''.join(tables)}{lines}{link}</div>"


def table_html(columns: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int = 1) -> str:
    """Return a table of text, which scrolls inside its own box where it is long.

    Args:
        columns: The columns' titles.
        rows: The cells of each row: plain text.
        texts: So many columns, from the left, hold names; the others figures.
    """

    def row(cells: Sequence[str], tag: str) -> str:
        made = (
            f'<{tag} style="{CELL}{"left" if number < texts else "right"}">{escape(cell)}</{tag}>'
            for number, cell in enumerate(cells)
        )
        return f'<tr style="background:none">{"".join(made)}</tr>'

    body = row(columns, "th") + "".join(row(cells, "td") for cells in rows)
    return (
        '<div style="max-height:28em;overflow:auto;margin:4px 0">'
        f'<table style="border-collapse:collapse;margin:0">{body}</table></div>'
    )
