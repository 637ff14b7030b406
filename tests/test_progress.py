"""The consoles of long tasks and of results."""

import io

from rich.table import Table

from sceneparse.progress import FoldingConsole


def test_a_table_in_a_narrow_terminal_loses_nothing() -> None:
    table = Table("architecture", "multiply-adds", "backbone")
    table.add_row("upernet_unified", "1,234,567.8", "vit_small_patch16_dinov3_with_a_long_name")
    file = io.StringIO()
    FoldingConsole(file=file, width=40).print(table)
    shown = file.getvalue()
    assert "…" not in shown and max(map(len, shown.splitlines())) <= 40
    columns = list(zip(*(line.split("│")[1:-1] for line in shown.splitlines() if line.startswith("│")), strict=True))
    row = ["".join(cell.strip() for cell in column) for column in columns]
    assert row == ["upernet_unified", "1,234,567.8", "vit_small_patch16_dinov3_with_a_long_name"]
