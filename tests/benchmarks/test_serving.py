"""The programs that put the service under load, attack it and kill it, in small."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service's packages are not installed (sceneparse[serve])")

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def figures(program: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> dict[str, Any]:
    """What the program writes; it ends well."""
    path = folder / "figures.json"
    monkeypatch.setattr(sys, "argv", [program, "--json", str(path), *words])
    __import__(program).main()
    return json.loads(path.read_text())


def test_hostile_requests_break_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = figures("serving_hostile", tmp_path, monkeypatch, "--count", "250", "--seed", "5")
    assert found["requests"] == 250 and not found["wrong"] and not found["stderr"] and found["answers_afterwards"]
    assert len(found["outcomes"]) >= 8
    outcomes = {outcome for one in found["outcomes"].values() for outcome in one}
    assert {"200", "400", "404", "413", "415", "422"} <= outcomes and "500" not in outcomes


def test_kill_9_never_gives_a_wrong_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("--kills", "1", "--every", "1.5", "--clients", "4", "--side", "64")
    found = figures("serving_kill", tmp_path, monkeypatch, *words)
    assert found["right"] > 0 and found["closed"] > 0 and found["wrong"] == found["unanswered"] == 0


def test_load_is_measured_with_batches_and_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("--seconds", "1", "--clients", "3", "--batches", "4", "--side", "64", "--engine", "torch")
    (row,) = figures("serving_load", tmp_path, monkeypatch, *words)["rows"]
    assert row["answers"] > 0 and not row["errors"] and row["mean_batch"] >= 1
    assert row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
