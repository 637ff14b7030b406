"""The promises on a GPU: a section that fails costs none of what the others find."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def test_a_section_that_fails_is_told_and_the_others_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import gpu

    def failing(_: object) -> Iterator[Any]:
        yield gpu.Promise("labels", "found before", 1.0, 2.0)
        raise RuntimeError("the card is gone")

    def fine(_: object) -> Iterator[Any]:
        yield gpu.Promise("loss", "found after", 0.05, 0.1, at_most=True)

    monkeypatch.setattr(gpu, "SECTIONS", {"labels": failing, "loss": fine})
    figures = tmp_path / "figures.json"
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--quick", "--json", str(figures)])
    assert gpu.main() == 1
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert [(one["what"], one["kept"]) for one in found["promises"]] == [("found before", False), ("found after", True)]
    assert found["failed"]["labels"].splitlines()[-1] == "RuntimeError: the card is gone"
    shown = capsys.readouterr()
    assert "FAILED" in shown.out and "the card is gone" in shown.err
