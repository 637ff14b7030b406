"""The page of the papers' recipes says what the recipes say."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_holds_the_tables_that_the_command_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import recipes_table

    monkeypatch.setattr(sys, "argv", ["recipes_table.py"])
    recipes_table.main()
    printed = capsys.readouterr().out
    assert printed in (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8"), (
        "put what 'python benchmarks/recipes_table.py' prints into docs/recipes.md"
    )


def test_a_reproduced_figure_takes_the_place_of_not_yet() -> None:
    import recipes_table

    row = recipes_table.recipe_row(next(file for file in recipes_table.experiments() if file.name == "ade20k-pspnet50"))
    assert "not yet" in recipes_table.markdown([row], [])
    row["reproduced"] = [{"source": "1 GPU", "test": "single scale", "mean_iou": 41.5, "pixel_accuracy": 80.0}]
    assert "| 41.50 / 80.00 (single scale; 1 GPU) |" in recipes_table.markdown([row], [])
