"""`train --dry-run` says what a training would be, refuses what that would refuse, and leaves nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.recipes import read_recipe, to_yaml
from sceneparse.settings import Recipe
from sceneparse.training import loop
from sceneparse.training.dry_run import foresee
from sceneparse.training.loop import train
from sceneparse.training.step import compute_gradients
from tests.training.test_init import model as model
from tests.training.test_init import other as other

MakeRecipe = Callable[..., Recipe]


def below(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


def test_it_says_what_the_training_then_is(toy: MakeRecipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe, run = toy(training__validate_count=2), tmp_path / "runs" / "mine"
    (tmp_path / "mine.yaml").write_text(to_yaml(recipe))
    words = ["train", str(tmp_path / "mine.yaml"), "--out", str(run)]
    before = below(tmp_path)
    assert main([*words, "--dry-run"]) == 0 and below(tmp_path) == before
    settings, said = capsys.readouterr().out.split("\n\n")
    for line in (
        "3 classes, 6 training samples; CPU, 1 thread, float32",
        f"run folder: {run}, which would be made",
        f"data: folder, {recipe.data.root}; 6 to learn from (train), 3 to validate on (val), 2 of them each time",
        "classes: ground, dark, bright",
        "weights: random",
        "length: 6 iterations (4 epochs), batches of 4, 2 validations",
        "time: known after a few steps",
        "a dry run: nothing was trained",
    ):
        assert line in said, line
    assert "memory: " in said and " free)" in said and "disk: up to " in said
    assert main(words) == 0
    headline = next(line for line in capsys.readouterr().err.splitlines() if "parameters" in line)
    assert headline in said
    assert yaml.safe_load(settings) == yaml.safe_load((run / "recipe.yaml").read_text())


def test_of_one_that_goes_on_it_says_where_and_how_long(
    toy: MakeRecipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, run = toy(training__validate_every=0), tmp_path / "run"

    def breaking(*arguments: Any, **named: Any) -> Any:
        if arguments[3] == 3:
            raise RuntimeError("a fault")
        return compute_gradients(*arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "compute_gradients", breaking)
        with pytest.raises(RuntimeError, match="a fault"):
            train(recipe, run)
    capsys.readouterr()
    before = below(tmp_path)
    foresee(recipe, run, resume=True)
    assert below(tmp_path) == before
    said = capsys.readouterr().out
    assert f"run folder: {run}, where it goes on at iteration 2" in said and "weights: those of the checkpoint" in said
    assert "for the 4 iterations left, at its pace so far" in said
    with pytest.raises(UserError, match="already holds a training"):
        foresee(recipe, run)
    train(recipe, run, resume=True)
    foresee(recipe, run, resume=True)
    assert "this training is finished" in capsys.readouterr().err


def test_a_start_from_a_model_is_told_with_its_table(
    toy: MakeRecipe, model: Path, other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foresee(toy(init__model=str(model), data__root=str(other)), tmp_path / "run")
    said = capsys.readouterr().out
    assert f"start from {model} (run folder)" in said and "object classes known to both: bright" in said
    assert not (tmp_path / "run").exists()


def test_counts_of_classes_are_made_and_go_again(toy: MakeRecipe, tmp_path: Path) -> None:
    foresee(toy(loss__class_weights="median", sampling__rare_crops=0.5), tmp_path / "run")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"augmentation__copy_paste": 0.5, "augmentation__copy_paste_classes": ["cat"]}, "cat"),
        ({"loss__class_weights": [1.0]}, "loss.class_weights has 1 number, but there are 3 classes"),
        ({"training__graph": True}, "training.graph needs a CUDA device"),
        ({"backbone__name": "resnet5"}, "backbone 'resnet5' is not a timm model"),
        ({"backbone__frozen": "all", "backbone__weights": "WEIGHTS"}, "WEIGHTS"),
    ],
)
def test_what_a_training_refuses_before_its_first_step(
    changes: dict[str, Any], message: str, toy: MakeRecipe, tmp_path: Path
) -> None:
    weights = tmp_path / "WEIGHTS.pth"
    weights.write_bytes(b"none")
    changes = {key: str(weights) if value == "WEIGHTS" else value for key, value in changes.items()}
    refusals = []
    for call in (foresee, train):
        with pytest.raises(UserError) as refusal:
            call(toy(**changes), tmp_path / "run")
        refusals.append(str(refusal.value))
    assert refusals[0] == refusals[1] and message in refusals[0]


def test_a_picture_that_cannot_be_read_is_found_where_all_are(toy: MakeRecipe, data: Path, tmp_path: Path) -> None:
    root = shutil.copytree(data, tmp_path / "data")
    for path in (root / "images" / "train").iterdir():
        Image.open(path).crop((0, 0, 9, 9)).save(path)
    with pytest.raises(UserError, match="has 9×9"):
        foresee(toy(data__root=str(root)), tmp_path / "run")


def test_a_budget_of_time_and_an_open_batch_stay_open(
    toy: MakeRecipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = {"training__iterations": 20000, "training__minutes": 2.0, "training__batch": "auto"}
    foresee(toy(**changes), tmp_path / "run")
    said = capsys.readouterr().out
    assert "length: batches of as many as fit, as many as training.minutes has room for" in said
    assert "time: 2 minutes" in said and not (tmp_path / "run").exists()
    written = read_recipe(_kept(tmp_path, said)).training
    assert (written.minutes, written.batch) == (2.0, "auto")


def _kept(folder: Path, said: str) -> Path:
    (folder / "said.yaml").write_text(said.split("\n\n")[0])
    return folder / "said.yaml"


def test_no_step_is_taken(toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a step")

    monkeypatch.setattr("torch.Tensor.backward", fail)
    foresee(toy(), tmp_path / "run")
    assert below(tmp_path) == {}
