"""The notebook runs from its first cell to its last, with nothing but the package."""

import ast
import json
import time
from pathlib import Path
from typing import Any

import pytest

from sceneparse.inference import choosing

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "notebook.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]


LONGEST = 180.0
"""Seconds of a processor within which all of it is done."""


def run(code: str, names: dict[str, Any]) -> Any:
    """What a notebook shows of a cell: the value of its last line, where that is an expression."""
    tree = ast.parse(code)
    last = tree.body[-1]
    if not isinstance(last, ast.Expr):
        exec(compile(tree, NOTEBOOK.name, "exec"), names)
        return None
    exec(compile(ast.Module(tree.body[:-1], []), NOTEBOOK.name, "exec"), names)
    return eval(compile(ast.Expression(last.value), NOTEBOOK.name, "eval"), names)


def test_its_first_cell_installs_the_package_and_no_other_needs_a_notebook() -> None:
    assert CODE[0].startswith("%pip install ") and CODE[0].split()[-1] == "sceneparse"
    for code in CODE[1:]:
        ast.parse(code)


def test_it_is_kept_without_outputs() -> None:
    code = [cell for cell in CELLS if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)
    assert len({cell["id"] for cell in CELLS}) == len(CELLS)


def test_it_runs_and_shows_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(choosing, "find_spec", lambda _: None)  # by PyTorch, which needs no conversion
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    began = time.process_time()
    shown = [run(code, names) for code in CODE[1:]]
    # Of all threads together, which other programs on the machine don't lengthen.
    assert time.process_time() - began < LONGEST
    pages = [one._repr_html_() for one in shown if hasattr(one, "_repr_html_")]
    assert len(pages) == 2 and "<img" in pages[0] and "<table" in pages[1]
    assert all(len(repr(one)) < 300 for one in shown)
    said = capsys.readouterr().out
    assert "no class 'skyy'; did you mean 'sky'?" in said and said.count("Parse(64×64, ") == 5
    # Far above chance, with its 23 classes: what the reader looks at is a parse, and no noise.
    assert names["evaluation"].scores.pixel_accuracy > 0.55
