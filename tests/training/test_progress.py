"""What a training shows on standard error."""

from types import SimpleNamespace

import pytest

from sceneparse.training import progress
from sceneparse.training.progress import ProgressLine


def test_without_a_terminal_a_line_comes_now_and_then_however_slow_steps_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with ProgressLine(0, 100, shown=True) as shown:
        for iteration in range(1, 6):
            now[0] += 8
            shown.step(iteration, 1.0, 0.1, 1.0, 0.0, line=iteration == 5)
    lines = [line.split("  ")[0] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["iteration 3/100", "iteration 5/100"]
