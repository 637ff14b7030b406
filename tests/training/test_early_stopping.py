"""A training ends early when its score does not become better, says so, and stays ended."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sceneparse.errors import UserError
from sceneparse.settings import Recipe, TrainingSettings
from sceneparse.settings.average import AverageSettings
from sceneparse.training import keep
from sceneparse.training.length import without_effect
from sceneparse.training.loop import train
from sceneparse.training.patience import Patience
from sceneparse.training.validation import validate
from tests.training.test_resume import metrics

MakeRecipe = Callable[..., Recipe]


def waited(scores: list[float], limit: int | None = 2, min_delta: float = 0.0) -> list[bool]:
    patience, found = Patience(limit, min_delta), []
    for score in scores:
        # As it goes on from a checkpoint.
        patience = Patience(limit, min_delta, **patience.state())
        patience.note(score)
        found.append(patience.over)
    return found


def test_so_many_scores_that_are_not_better_are_the_end() -> None:
    assert waited([0.1, 0.2, 0.2, 0.3, 0.3, 0.2]) == [False] * 5 + [True]
    assert not any(waited([0.5] * 9, limit=None))


def test_a_gain_below_the_least_one_does_not_count_but_small_ones_add_up() -> None:
    assert waited([0.1, 0.105, 0.109], min_delta=0.01) == [False, False, True]
    assert waited([0.1, 0.106, 0.112, 0.113, 0.114], min_delta=0.01) == [False, False, False, False, True]


@pytest.fixture
def scores(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The scores of the validations to come; one that is NaN ends in a fault."""
    found: list[float] = []

    def scored(*arguments: Any, **named: Any) -> dict[str, Any]:
        if math.isnan(score := found.pop(0)):
            raise RuntimeError("killed")
        return validate(*arguments, **named) | {"mean_iou": score}

    monkeypatch.setattr(keep, "validate", scored)
    return found


def test_a_training_ends_early_says_why_and_is_finished(
    toy: MakeRecipe, tmp_path: Path, scores: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    scores += [0.4, 0.5, 0.5, 0.45]
    settings: dict[str, Any] = {"training__validate_every": 1, "training__validate_count": 1}
    recipe = toy(training__iterations=20, training__patience=2, **settings)
    run = train(recipe, tmp_path / "run")
    facts = json.loads((run / "run.json").read_text())
    assert (facts["status"], facts["ended_by"], facts["iteration"]) == ("finished", "patience", 4)
    assert (facts["best_iteration"], facts["best_mean_iou"]) == (2, 0.5)
    assert "ended after iteration 4 of 20: 2 validations without a better score" in capsys.readouterr().err
    model = run / "model" / "model.safetensors"
    written = model.stat().st_mtime_ns
    train(recipe, run, resume=True)
    assert "this training is finished" in capsys.readouterr().err and model.stat().st_mtime_ns == written
    # The schedule was that of all 20 iterations.
    rates = [json.loads(line).get("lr") for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [rate for rate in rates if rate] == [0.01 * (1 - i / 20) ** 0.9 for i in range(4)]


def test_killed_before_its_model_was_written_it_writes_that_and_trains_no_further(
    toy: MakeRecipe, tmp_path: Path, scores: list[float]
) -> None:
    scores += [0.5, 0.5]
    settings: dict[str, Any] = {"training__validate_every": 1, "training__validate_count": 1, "training__log_every": 3}
    recipe = toy(training__iterations=20, training__patience=1, **settings)
    run = train(recipe, tmp_path / "run")
    # The losses since the last line are in a line of their own.
    written = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in written if line["kind"] == "train" and line["loss"] > 0] == [2]
    model, lines = (run / "model" / "model.safetensors").read_bytes(), (run / "metrics.jsonl").read_bytes()
    (run / "model").rename(tmp_path / "gone")
    train(recipe, run, resume=True)
    assert (run / "model" / "model.safetensors").read_bytes() == model
    assert (run / "metrics.jsonl").read_bytes() == lines
    assert json.loads((run / "run.json").read_text())["ended_by"] == "patience"


def test_a_validation_that_was_cut_off_is_made_first_when_the_training_goes_on(
    toy: MakeRecipe, tmp_path: Path, scores: list[float]
) -> None:
    settings: dict[str, Any] = {"training__validate_every": 1, "training__validate_count": 1, "training__log_every": 3}
    recipe = toy(training__iterations=20, training__patience=1, training__checkpoint_every=100, **settings)
    scores += [0.5, 0.6, 0.5]
    whole = train(recipe, tmp_path / "whole")
    scores += [0.5, math.nan]
    with pytest.raises(RuntimeError, match="killed"):
        train(recipe, tmp_path / "run")
    scores += [0.6, math.nan]
    with pytest.raises(RuntimeError, match="killed"):
        train(recipe, tmp_path / "run", resume=True)
    scores += [0.5]
    run = train(recipe, tmp_path / "run", resume=True)
    assert not scores and metrics(run) == metrics(whole)
    assert json.loads((run / "run.json").read_text())["ended_by"] == "patience"


def test_an_early_end_that_could_not_be_is_refused(toy: MakeRecipe) -> None:
    with pytest.raises(UserError, match=r"training\.patience has no effect, since training\.validate_every is 0"):
        toy(training__patience=2, training__validate_every=0)
    with pytest.raises(UserError, match=r"training\.min_delta has no effect, since training\.patience is null"):
        toy(training__min_delta=0.1)
    with pytest.raises(UserError, match=r"training\.patience is 0, but must be at least 1, or null"):
        toy(training__patience=0)


@pytest.mark.parametrize(
    ("length", "line"),
    [
        ({"iterations": 4, "validate_every": 1, "patience": 2}, None),
        ({"iterations": 4, "validate_every": 0.25, "patience": 2}, None),
        ({"iterations": 4, "validate_every": 1, "patience": 3}, "5 validations or more, and this one has 4"),
        ({"iterations": 4, "validate_every": 3, "patience": 1}, "3 validations or more, and this one has 2"),
        ({"iterations": 4, "average": AverageSettings(0.9, 4)}, None),
        ({"iterations": 4, "average": AverageSettings(0.9, 5)}, "training.average.every is 5, but"),
    ],
)
def test_settings_that_a_training_is_too_short_for_are_found(length: dict[str, Any], line: str | None) -> None:
    found = without_effect(TrainingSettings(**length))
    assert found is None if line is None else found is not None and line in found


def test_a_patience_that_outlasts_the_training_is_refused_before_the_first_step(
    toy: MakeRecipe, tmp_path: Path
) -> None:
    recipe = toy(training__iterations=4, training__patience=4)
    with pytest.raises(UserError, match=r"training\.patience is 4, which has no effect: .*; leave it out, or change"):
        train(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()
