import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from sceneparse.settings import DataSettings, Recipe
from sceneparse.training.loop import train
from sceneparse.training.prepare import Prepared
from sceneparse.training.waiting import LEAST, WARM, DeviceIdle, Waits, advice


def test_what_is_said_of_waiting_leaves_out_the_first_steps() -> None:
    waits = Waits("try this")
    for _ in range(WARM):
        waits.add(10.0, 10.0)
    assert waits.line(end=False) is None
    for _ in range(LEAST):
        waits.add(1.0, 0.5)
    line = waits.line(end=False)
    assert line == "the loader is the brake: steps wait 50% of the time for their pictures; try this"
    assert waits.line(end=False) is None, "once"
    assert "waited 50%" in (waits.line(end=True) or "")


def test_a_loader_that_keeps_up_is_not_spoken_of() -> None:
    waits = Waits("")
    for _ in range(WARM + LEAST):
        waits.add(1.0, 0.1)
    assert waits.line(end=False) is None
    for _ in range(LEAST * 10):
        waits.add(1.0, 1.0)
    assert waits.line(end=False) is None and waits.line(end=True) is not None


def test_a_line_of_the_record_has_the_share_since_the_last_one() -> None:
    waits = Waits("")
    waits.add(2.0, 1.0)
    waits.add(2.0, 0.0)
    assert waits.times(None) == {"wait": 0.25}
    waits.add(2.0, 2.0)
    assert waits.times(0.5) == {"wait": 1.0, "idle": 0.25}
    assert waits.times(None) == {"wait": 0.0}


def test_advice_names_what_is_left_to_try() -> None:
    assert "data.workers 7, now 1" in advice(DataSettings(), "cuda", 1, 7)
    assert "data.workers" not in advice(DataSettings(), "cuda", 7, 7)
    assert "data.workers 1, now 0" in advice(DataSettings(), "cpu", 0, 0)
    assert "data.augment_on device" in advice(DataSettings(), "cuda", 7, 7)
    assert "augment_on" not in advice(DataSettings(), "cpu", 1, 1)
    assert "augment_on" not in advice(DataSettings(augment_on="device"), "cuda", 1, 1)


def test_the_pauses_of_a_device_are_read_when_they_are_over(monkeypatch: pytest.MonkeyPatch) -> None:
    class Event:
        """One that the device passes as soon as the clock has come to it."""

        now, passed = 0.0, 0.0

        def __init__(self, *, enable_timing: bool) -> None:
            assert enable_timing
            self.at = -1.0

        def record(self, stream: str) -> None:
            assert stream == "stream of cuda:1", "the current device may be another"
            self.at = Event.now

        def query(self) -> bool:
            return self.at <= Event.passed

        def elapsed_time(self, later: "Event") -> float:
            return 1000 * (later.at - self.at)

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device=None: f"stream of {device}")
    idle = DeviceIdle(torch.device("cuda", 1))
    for begin, end in ((0.0, 1.0), (1.5, 2.0), (2.25, 3.0)):
        Event.now = begin
        idle.begin()
        Event.now = end
        idle.end()
    Event.passed = 2.0
    assert idle.take() == 0.5
    Event.passed = 3.0
    assert idle.take() == 0.25 and idle.take() == 0
    assert DeviceIdle(torch.device("cpu")).take() is None


def test_a_training_says_that_its_loader_is_the_brake(
    toy: Callable[..., Recipe], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = Prepared.batches

    def slow(prepared: Prepared, *given: Any) -> Iterator[Any]:
        for batch in batches(prepared, *given):
            time.sleep(0.15)
            yield batch

    monkeypatch.setattr(Prepared, "batches", slow)
    iterations = WARM + LEAST + 1
    recipe = toy(
        training__iterations=iterations, training__validate_every=0, training__validate_count=1,
        training__checkpoint_every=99, training__log_every=iterations - 1, training__batch=2,
    )  # fmt: skip
    run = train(recipe, tmp_path / "run")
    said = capsys.readouterr().err
    assert (
        said.count("the loader is the brake: steps wait ") == said.count("the loader is the brake: steps waited ") == 1
    )
    first = json.loads((run / "metrics.jsonl").read_text().splitlines()[0])
    assert 0.2 < first["wait"] < 1
    assert json.loads((run / "run.json").read_text())["wait"] > 0.2
