"""What the verbs return in Python: a line of facts as text, tables and the way to the report in a notebook."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import sceneparse
from sceneparse.drawing.notebook import result_html, table_html
from tests.support.well_formed import Page

EVIL = "<script>alert('a & \"b\"')</script>"


@pytest.fixture(scope="module")
def results(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What every verb gives of a short training."""
    folder = tmp_path_factory.mktemp("results")
    run = shutil.copytree(tiny_run, folder / "run")
    on: dict[str, Any] = {"engine": "torch", "progress": False}
    data = tiny_run.parent / "data"
    return {
        "evaluate": sceneparse.evaluate(run, data, out=folder / "e f", **on),
        "diagnose": sceneparse.diagnose(run, data, out=folder / "d", **on),
        "calibrate": sceneparse.calibrate(run, data, out=folder / "c", **on),
        "compare": sceneparse.compare([run, tiny_run], out=folder / "compared", progress=False),
        "read_recipe": sceneparse.read_recipe(run / "recipe.yaml"),
    }


def test_results_print_as_a_line_of_facts(results: dict[str, Any]) -> None:
    lines = {name: repr(one) for name, one in results.items()}
    assert all(len(line) < 300 and "\n" not in line and "array" not in line for line in lines.values()), lines
    assert lines["evaluate"].startswith("Evaluation(mean IoU ")
    assert "finding" in lines["diagnose"] and "mean IoU" in lines["diagnose"]
    assert "Calibrated(object: temperature 1 " in lines["calibrate"]
    assert lines["compare"].startswith("RunComparison(2 runs: ")
    assert lines["read_recipe"].startswith("Recipe(tiny: fcn on ") and "; data folder; " in lines["read_recipe"]


def test_so_do_the_pieces_of_a_result(results: dict[str, Any]) -> None:
    found = results["diagnose"]
    pieces = [found.failures, found.findings, found.boundaries, found.calibration, found.relations]
    pieces += [*found.findings.found, *results["compare"].runs]
    assert [repr(one) for one in pieces if "array" in repr(one) or len(repr(one)) > 300] == []


def test_a_notebook_shows_the_table_and_links_the_report(results: dict[str, Any]) -> None:
    shown = {
        "evaluate": ("class", "dark", "bright", "mean", "report.html"),
        "diagnose": ("gain if mended", "dark", "diagnosis.html"),
        "calibrate": ("task", "object", "temperature", "before", "calibration.json"),
        "compare": ("best validation, mean IoU %", "comparison.html"),
    }
    for name, texts in shown.items():
        html = results[name]._repr_html_()
        Page(html)
        assert all(text in html for text in texts), (name, html)
        assert results[name].report.is_file() and results[name].report.as_uri() in html


def test_predict_loads_a_model_by_its_path(tiny_run: Path, tmp_path: Path) -> None:
    pictures = sorted((tiny_run.parent / "data").rglob("*.png"))[:1]
    summary = sceneparse.predict(tiny_run, pictures, tmp_path, progress=False)
    assert summary.done == 1


def test_what_was_written_nowhere_links_nothing(tiny_run: Path) -> None:
    assert "<a " not in sceneparse.compare(tiny_run, progress=False)._repr_html_()


def test_what_lies_below_the_notebook_is_linked_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for report in (Path("runs/a b/report.html"), tmp_path / "runs/a b/report.html"):
        assert 'href="runs/a%20b/report.html"' in result_html("facts", report=report)


def test_names_are_text_whatever_they_hold() -> None:
    html = result_html(EVIL, [table_html([EVIL, "n"], [[EVIL, EVIL]])], [EVIL], Path(f"/{EVIL}"))
    Page(html)
    assert "<script" not in html and html.count("&lt;script&gt;") == 6
