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
    from gpu_report import Promise

    def failing(_: object) -> Iterator[Any]:
        yield Promise("labels", "found before", 1.0, 2.0)
        raise RuntimeError("the [/card] is gone")

    def fine(_: object) -> Iterator[Any]:
        yield Promise("loss", "found after", 0.05, 0.1, at_most=True)

    monkeypatch.setattr(gpu, "SECTIONS", {"labels": failing, "loss": fine})
    figures = tmp_path / "figures.json"
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--quick", "--json", str(figures)])
    assert gpu.main() == 1
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert [(one["what"], one["kept"]) for one in found["promises"]] == [("found before", False), ("found after", True)]
    assert found["failed"]["labels"].splitlines()[-1] == "RuntimeError: the [/card] is gone"
    shown = capsys.readouterr()
    assert "FAILED" in shown.out and "the [/card] is gone" in shown.err


def test_sections_have_processes_of_their_own_whose_end_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import gpu

    figures = tmp_path / "figures.json"
    arguments = ["gpu.py", "--device", "cpu", "--repeats", "1", "--json", str(figures)]
    # What stands in for the program: the first section promises something, the second one's process dies.
    program = tmp_path / "program.py"
    program.write_text(
        "import json, os, sys\n"
        "row = {'section': 'labels', 'what': 'x', 'found': 3.0, 'bound': 2.0, 'at_most': False, 'kept': True}\n"
        "if sys.argv[1] == 'loss': os._exit(7)\n"
        "if sys.argv[1] == 'recipe': import no_such_package\n"
        "json.dump({'promises': [row], 'failed': {}}, open(sys.argv[sys.argv.index('--json') + 1], 'w'))\n"
    )
    monkeypatch.setattr(gpu, "__file__", str(program))
    monkeypatch.setattr(sys, "argv", [*arguments, "labels", "loss", "recipe"])
    assert gpu.main() == 1
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert [one["found"] for one in found["promises"]] == [3.0]
    # Python itself ends with 1, as a section does whose promise is not kept.
    assert found["failed"] == {"loss": "its process ended with 7", "recipe": "its process ended with 1"}
    monkeypatch.setattr(sys, "argv", [*arguments, "labels", "labels", "--minutes", "0"])
    assert gpu.main() == 1
    assert "the time is over" in capsys.readouterr().err


def test_settings_may_stand_apart_from_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    from command_line import command_line, parsed_with_settings

    parser = command_line("x")
    parser.add_argument("section", nargs="*")
    words = ["labels", "loss", "--backbone.weights", "file.safetensors", "--training.batch=4"]
    monkeypatch.setattr(sys, "argv", ["gpu.py", *words])
    given, settings = parsed_with_settings(parser, {})
    assert given.section == ["labels", "loss"]
    assert settings == ["--backbone.weights=file.safetensors", "--training.batch=4"]
