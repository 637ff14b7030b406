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


def test_the_time_left_is_known_from_the_second_step_on_and_follows_the_whole_course(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with ProgressLine(40, 100, shown=True) as shown:
        # The first step compiles, the last comes after a validation.
        for iteration, seconds in ((41, 90), (42, 2), (43, 2), (44, 2), (45, 6)):
            now[0] += seconds
            shown.step(iteration, 1.0, 0.1, 1.0, 0.0, line=True)
    ends = [line.rpartition("  ")[2] for line in capsys.readouterr().err.splitlines()]
    assert ends == ["waits 0%", "0:01:56 left", "0:01:54 left", "0:01:52 left", "0:02:45 left"]
