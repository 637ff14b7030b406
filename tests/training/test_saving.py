"""Checkpoints by the clock: when they are due, and that a training doesn't depend on them."""

import itertools
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sceneparse.files import write_text
from sceneparse.recipes import to_yaml
from sceneparse.settings import Recipe, TrainingSettings
from sceneparse.training import saving
from sceneparse.training.checkpoint import Checkpoint, Checkpoints
from sceneparse.training.loop import train
from sceneparse.training.saving import by_time, how_often
from tests.support.together import sceneparse_in_two
from tests.training.test_resume import metrics

MakeRecipe = Callable[..., Recipe]

RARE: dict[str, Any] = {"training__validate_every": 0, "training__checkpoint_every": 100}


@pytest.mark.parametrize(
    ("every", "minutes", "words"),
    [
        (500, 10, "a checkpoint every 500 iterations, or 10 minutes"),
        (500, 1, "a checkpoint every 500 iterations, or 1 minute"),
        (500, None, "a checkpoint every 500 iterations"),
        (1, 10, "a checkpoint every iteration"),
    ],
)
def test_how_often_there_is_one_in_words(every: int, minutes: float | None, words: str) -> None:
    assert how_often(TrainingSettings(checkpoint_every=every, checkpoint_minutes=minutes)) == words


@pytest.mark.parametrize(("step", "minutes", "number"), [(1, 10, 0), (2, 10, 3), (2, None, 0), (7, 10, 11)])
def test_those_of_the_clock_count_in_the_time_of_a_training(step: float, minutes: float | None, number: int) -> None:
    assert by_time(1000, step, TrainingSettings(checkpoint_every=500, checkpoint_minutes=minutes)) == number


def saved_by(monkeypatch: pytest.MonkeyPatch, recipe: Recipe, run: Path) -> list[int]:
    """The iterations of all checkpoints of a training, by a clock that goes on 25 seconds whenever one looks at it."""
    saved, save = [], Checkpoints.save

    def noted(self: Checkpoints, checkpoint: Checkpoint) -> Path:
        saved.append(checkpoint.iteration)
        return save(self, checkpoint)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", noted)
        patch.setattr(saving, "time", SimpleNamespace(monotonic=itertools.count(step=25).__next__))
        train(recipe, run)
    return sorted(set(saved))


def test_a_checkpoint_is_due_after_minutes_too_and_changes_nothing_of_the_training(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, often = (toy(training__iterations=7, training__checkpoint_minutes=each, **RARE) for each in (None, 1))
    assert saved_by(monkeypatch, whole, tmp_path / "whole") == [7]
    assert "a checkpoint every 100 iterations\n" in capsys.readouterr().err
    assert saved_by(monkeypatch, often, tmp_path / "often") == [3, 6, 7]
    assert "a checkpoint every 100 iterations, or 1 minute\n" in capsys.readouterr().err
    assert metrics(tmp_path / "often") == metrics(tmp_path / "whole")
    model, same = (tmp_path / name / "model" / "model.safetensors" for name in ("often", "whole"))
    assert model.read_bytes() == same.read_bytes()
    # From one of them the training goes on to the same end.
    (tmp_path / "often" / "checkpoints" / "last-00000007.pt").unlink()
    train(toy(training__iterations=7, training__checkpoint_minutes=2, **RARE), tmp_path / "often", resume=True)
    assert metrics(tmp_path / "often") == metrics(tmp_path / "whole")


@pytest.mark.usefixtures("as_on_a_gpu")
def test_where_losses_are_looked_at_a_step_later_it_is_written_a_step_later(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = toy(training__iterations=7, training__checkpoint_minutes=1, **RARE)
    assert saved_by(monkeypatch, recipe, tmp_path / "run") == [4, 7]


def test_of_several_processes_the_clock_of_the_first_decides(toy: MakeRecipe, tmp_path: Path) -> None:
    recipe = toy(training__iterations=3, training__checkpoint_minutes=1e-9, **RARE)
    write_text(tmp_path / "asked.yaml", to_yaml(recipe))
    done = sceneparse_in_two("train", tmp_path / "asked.yaml", "--out", tmp_path / "two")
    assert done.returncode == 0, done.stderr
    train(recipe, tmp_path / "one")
    one, two = (sorted(path.name for path in (tmp_path / name / "checkpoints").iterdir()) for name in ("one", "two"))
    assert one == two and "last-00000002.pt" in two
