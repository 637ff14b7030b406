"""A training from a model says at its end where it has made that no better."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sceneparse.files import write_json
from sceneparse.settings import Recipe
from sceneparse.training import keep, loop
from sceneparse.training.loop import train
from sceneparse.training.step import compute_gradients
from sceneparse.training.validation import validate
from sceneparse.weights.run_folder import run_facts
from tests.training.test_init import model as model
from tests.training.test_init import other as other

MakeRecipe = Callable[..., Recipe]
NOTE = "is not better than what the training started from, "


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Makes all validations of a training, but not that of its start, come to a mean IoU."""

    def score(value: float) -> None:
        def fixed(*arguments: Any, **named: Any) -> dict[str, Any]:
            return validate(*arguments, **named) | {"mean_iou": value}

        monkeypatch.setattr(keep, "validate", fixed)

    return score


@pytest.fixture
def resumed(toy: MakeRecipe, model: Path, tmp_path: Path) -> Callable[[Callable[[Path], None]], Path]:
    """Trains with a fault after the first checkpoint, lets something happen to the run folder, and goes on."""

    def run(meanwhile: Callable[[Path], None]) -> Path:
        recipe, folder = toy(init__model=str(model), training__validate_every=0), tmp_path / "run"

        def breaking(*arguments: Any, **named: Any) -> Any:
            if arguments[3] == 3:
                raise RuntimeError("a fault")
            return compute_gradients(*arguments, **named)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "compute_gradients", breaking)
            with pytest.raises(RuntimeError, match="a fault"):
                train(recipe, folder)
        meanwhile(folder)
        return train(recipe, folder, resume=True)

    return run


def test_a_best_model_that_is_no_better_is_said(
    toy: MakeRecipe,
    model: Path,
    scored: Callable[[float], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe = toy(init__model=str(model), training__iterations=2)
    scored(0.0)
    run = train(recipe, tmp_path / "worse")
    said = capsys.readouterr().err
    before = json.loads((run / "init.json").read_text())["validation"]
    assert 0 < before["mean_iou"] == before["score"] <= 1 and "3 pictures of val" in before["protocol"]
    assert f"validating what the training starts from, {model}" in said
    assert f"the best model (mean IoU 0.00%) {NOTE}{model} ({100 * before['score']:.2f}%)" in said
    assert run_facts(run)["status"] == "finished"
    scored(1.0)
    train(recipe, tmp_path / "better")
    assert NOTE not in capsys.readouterr().err


def test_so_it_is_by_a_training_that_was_broken_off(
    resumed: Callable[..., Path], scored: Callable[[float], None], capsys: pytest.CaptureFixture[str]
) -> None:
    scored(0.0)
    resumed(lambda _: capsys.readouterr())
    said = capsys.readouterr().err
    assert NOTE in said and "validating what" not in said


def test_nothing_is_said_of_figures_under_another_protocol(
    resumed: Callable[..., Path], scored: Callable[[float], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def another(run: Path) -> None:
        started = json.loads((run / "init.json").read_text())
        write_json(run / "init.json", {**started, "validation": {**started["validation"], "protocol": "another"}})

    scored(0.0)
    resumed(another)
    assert NOTE not in capsys.readouterr().err


def test_where_classes_are_new_the_start_is_not_validated(
    toy: MakeRecipe,
    model: Path,
    other: Path,
    scored: Callable[[float], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scored(0.0)
    run = train(toy(init__model=str(model), data__root=str(other), training__iterations=2), tmp_path / "run")
    said = capsys.readouterr().err
    assert NOTE not in said and "validating what" not in said
    assert "validation" not in json.loads((run / "init.json").read_text())
