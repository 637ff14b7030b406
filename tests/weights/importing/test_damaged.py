"""A hundred damaged checkpoints, of every kind that the benchmark makes: a clear refusal each."""

import importlib.util
import sys
from pathlib import Path

import pytest

from tests.support.slow import slow

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "fuzz_import.py"


@slow
def test_damaged_checkpoints_are_refused_in_a_line_and_run_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARK.parent))
    spec = importlib.util.spec_from_file_location("fuzz_import", BENCHMARK)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz_import"] = module
    spec.loader.exec_module(module)
    counts = module.fuzz(100, seed=7)
    assert [line for count in counts.values() for line in count.wrong] == []
    assert sum(count.refused for count in counts.values()) == 100
