import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sceneparse.datasets.opening import open_dataset
from sceneparse.errors import UserError
from sceneparse.evaluation import evaluate
from sceneparse.inference import TorchEngine, resolve
from sceneparse.networks import normalize
from sceneparse.recipes import read_recipe
from sceneparse.settings import Recipe
from sceneparse.training import keep, loop, step
from sceneparse.training.checkpoint import Checkpoints
from sceneparse.training.loop import train
from sceneparse.training.losses.cross_entropy import CrossEntropy
from sceneparse.training.losses.heads import segmentation_loss
from sceneparse.training.losses.kind import LossContext
from sceneparse.training.optimizer import set_learning_rate
from sceneparse.training.progress import StopRequest, TrainingStopped
from sceneparse.training.validation import validate
from sceneparse.weights.build import build
from sceneparse.weights.model import load_model

MakeRecipe = Callable[..., Recipe]


def lines(run: Path, kind: str) -> list[dict[str, float]]:
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line for line in found if line["kind"] == kind]


def test_a_training_leaves_a_whole_run_folder(toy: MakeRecipe, tmp_path: Path) -> None:
    recipe = toy(training__log_every=2, training__validate_count=2)
    run = train(recipe, tmp_path / "run")
    names = {path.name for path in run.iterdir()}
    # tensorboard/ only where that is installed.
    assert names - {"tensorboard"} == {"recipe.yaml", "metrics.jsonl", "checkpoints", "model", "run.json"}
    assert replace(recipe, backbone=replace(recipe.backbone, padding="symmetric")) == read_recipe(run / "recipe.yaml")
    trained = lines(run, "train")
    assert [line["iteration"] for line in trained] == [2, 4, 6]
    for line in trained:
        assert set(line) == {
            "kind", "iteration", "loss", "main_loss", "aux_loss", "lr", "images_per_second", "wait", "seconds"
        }  # fmt: skip
        assert line["loss"] == pytest.approx(line["main_loss"] + 0.4 * line["aux_loss"], rel=1e-6)
    validated = lines(run, "validation")
    assert [line["iteration"] for line in validated] == [3, 6]
    facts = json.loads((run / "run.json").read_text())
    # Each line has the pace since the last one, not that of a step.
    pictures = 2 * int(recipe.training.batch)
    seconds = sum(pictures / line["images_per_second"] for line in trained)
    assert 3 * pictures / seconds == pytest.approx(facts["images_per_second"], rel=0.01)
    assert facts["status"] == "finished" and facts["precision"] == "float32" and facts["training_samples"] == 6
    assert facts["batch"] == recipe.training.batch and facts["loader_workers"] == recipe.data.workers
    assert facts["best_mean_iou"] == max(line["mean_iou"] for line in validated)
    assert "FCN" in (run / "model" / "README.md").read_text()


def test_the_console_says_the_means_that_the_log_has_and_scores_in_percent(
    toy: MakeRecipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(toy(training__log_every=3, training__validate_count=1), tmp_path / "run")
    said = capsys.readouterr().err.splitlines()
    losses = [line.split("loss ")[1].split()[0] for line in said if line.startswith("iteration ") and "loss " in line]
    assert losses == [f"{line['loss']:.4f}" for line in lines(run, "train")]
    scores = [line.split("mean IoU ")[1].split()[0] for line in said if line.startswith("iteration ") and "IoU" in line]
    assert scores == [f"{100 * line['mean_iou']:.2f}%" for line in lines(run, "validation")]


def test_the_model_is_the_network_of_the_best_validation_and_evaluates_to_its_score(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores: list[float] = []

    def worse_and_worse(*arguments: object, **named: object) -> dict[str, object]:
        metrics = validate(*arguments, **named)  # type: ignore[arg-type]
        scores.append(metrics["mean_iou"])
        return metrics | {"mean_iou": 1 / len(scores)}

    monkeypatch.setattr(keep, "validate", worse_and_worse)
    recipe = toy(training__validate_every=2)
    run = train(recipe, tmp_path / "run")
    facts = json.loads((run / "run.json").read_text())
    assert facts["best_iteration"] == 2 and len(scores) == 3
    model = load_model(run / "model")
    best = load_file(Checkpoints(run / "checkpoints").best_file(2))
    assert all(torch.equal(value, best[name]) for name, value in model.network.state_dict().items())
    dataset = open_dataset(recipe.data, "val")
    again = evaluate(TorchEngine(model.network, model.config.preprocessing), dataset, resolve(recipe.protocol))
    assert again.scores.mean_iou == pytest.approx(scores[0], abs=0.002)
    assert model.config.data.root is None


def test_training_learns(toy: MakeRecipe, tmp_path: Path) -> None:
    recipe = toy(
        network__output_stride=8,
        network__dropout=0.0,
        augmentation__scale=[1.0, 1.0],
        augmentation__blur_probability=0,
        optimizer__kind="adamw",
        optimizer__lr=0.003,
        optimizer__head_factor=1.0,
        training__iterations=30,
        training__validate_every=0,
        training__checkpoint_every=100,
    )
    run = train(recipe, tmp_path / "run")
    trained = lines(run, "train")
    assert sum(line["loss"] for line in trained[-5:]) < 0.7 * sum(line["loss"] for line in trained[:5])
    (validated,) = lines(run, "validation")
    assert validated["mean_iou"] > 0.5


@pytest.mark.parametrize(
    "changes",
    [
        {"training__accumulate": 2, "optimizer__clip": 1.0, "loss__class_weights": "median"},
        {"training__precision": "bfloat16", "loss__hard_fraction": 0.3, "loss__class_weights": [1.0, 2.0, 2.0]},
        {"network__aux": False, "optimizer__kind": "adamw", "data__workers": 1},
    ],
)
def test_settings_go_together(toy: MakeRecipe, tmp_path: Path, changes: dict[str, object]) -> None:
    run = train(toy(training__iterations=2, training__validate_count=1, **changes), tmp_path / "run")
    assert all(math.isfinite(line["loss"]) for line in lines(run, "train"))
    assert ("aux_loss" in lines(run, "train")[0]) == changes.get("network__aux", True)
    assert (run / "class_weights.json").exists() == (changes.get("loss__class_weights") == "median")


def test_seeds_decide_and_validation_changes_nothing(toy: MakeRecipe, tmp_path: Path) -> None:
    def weights(name: str, **changes: object) -> dict[str, torch.Tensor]:
        run = train(toy(training__iterations=3, **changes), tmp_path / name)
        checkpoint = Checkpoints(run / "checkpoints").load(lambda _: None)
        assert checkpoint is not None
        return checkpoint.network

    first = weights("first", training__validate_every=1)
    torch.rand(5)
    same = weights("same", training__validate_every=0)
    other = weights("other", training__seed=1)
    assert all(torch.equal(value, same[name]) for name, value in first.items())
    assert not all(torch.equal(value, other[name]) for name, value in first.items())


def test_a_step_whose_loss_is_not_finite_is_kept_and_can_be_done_again(
    toy: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    recipe = toy(optimizer__lr=1e30)
    with pytest.raises(UserError) as error:
        train(recipe, tmp_path / "run")
    assert str(data / "images" / "train") in str(error.value) and "lower optimizer.lr" in str(error.value)
    folder = tmp_path / "run" / "failure"
    facts = json.loads((folder / "failure.json").read_text())
    assert len(facts["pictures"]) == 4 and facts["loss"] in ("nan", "inf")
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "failed"
    batch = torch.load(folder / "batch.pt", weights_only=True)
    network = build(recipe.backbone, recipe.network, 3)
    network.load_state_dict(torch.load(folder / "network.pt", weights_only=True))
    torch.manual_seed(facts["step_seed"])
    output = network(normalize(batch["images"], recipe.preprocessing.mean, recipe.preprocessing.std))
    loss = segmentation_loss(output, batch["objects"], LossContext(False), loss=CrossEntropy(), aux_weight=0.4)
    assert not torch.isfinite(loss.total)


def test_ctrl_c_writes_a_checkpoint_and_resume_gives_the_same_bytes(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = toy(training__checkpoint_every=100, training__log_every=4)
    train(recipe, tmp_path / "whole")
    calls = []

    def stop_in_step_5(*arguments: object) -> None:
        calls.append(1)
        set_learning_rate(*arguments)  # type: ignore[arg-type]
        if len(calls) == 5:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(step, "set_learning_rate", stop_in_step_5)
    with pytest.raises(TrainingStopped, match="stopped after iteration 5; resume=True"):
        train(recipe, tmp_path / "run")
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "stopped"
    train(recipe, tmp_path / "run", resume=True)
    one, other = (tmp_path / name / "model" / "model.safetensors" for name in ("whole", "run"))
    assert one.read_bytes() == other.read_bytes()
    assert [line["loss"] for line in lines(tmp_path / "whole", "train")] == [
        line["loss"] for line in lines(tmp_path / "run", "train")
    ]


def test_the_first_ctrl_c_says_what_the_second_does_and_handlers_are_put_back(
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), StopRequest("stopping; once more stops at once") as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.came and capfd.readouterr().err == "\nstopping; once more stops at once\n"
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.skipif(sys.platform == "win32", reason="there no signals end a process")
@pytest.mark.parametrize(
    ("end", "says"),
    [("SIGKILL", "want of memory: lower data.workers or data.cache_mb, or unpack vol"), ("SIGHUP", "outside")],
)
def test_a_loader_process_that_is_ended_during_a_step_is_named(
    end: str, says: str, toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killing(*_: object, **__: object) -> None:
        for child in active_children():
            assert child.pid is not None
            os.kill(child.pid, getattr(signal, end))
        time.sleep(10)  # PyTorch's signal handler raises here

    monkeypatch.setattr(loop, "compute_gradients", killing)
    # A process that ignores SIGHUP, as under nohup, hands that on to those that it starts.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with pytest.raises(UserError, match=rf"a loader process died \(DataLoader worker .*{says}"):
            train(toy(data__workers=1), tmp_path / "run")
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_finished_training_says_so_and_stays_as_it_is(
    toy: MakeRecipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = toy(training__iterations=1)
    run = train(recipe, tmp_path / "run")
    model = run / "model" / "model.safetensors"
    written = model.stat().st_mtime_ns
    assert train(recipe, run, resume=True) == run
    assert "is finished" in capsys.readouterr().err and model.stat().st_mtime_ns == written
    model.unlink()
    (run / "model").rename(run / "gone")
    train(recipe, run, resume=True)
    assert load_file(model)


def test_input_pictures_of_one_channel(toy: MakeRecipe, tmp_path: Path) -> None:
    recipe = toy(
        backbone__in_channels=1,
        preprocessing__mean=[0.5],
        preprocessing__std=[0.2],
        augmentation__color=0,
        training__iterations=1,
    )
    assert (train(recipe, tmp_path / "run") / "model").exists()


def test_what_cannot_work_is_refused_before_training(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="float16 needs a CUDA device"):
        train(toy(training__precision="float16"), tmp_path / "run")
    with pytest.raises(UserError, match="2 numbers, but there are 3 classes"):
        train(toy(loss__class_weights=[1.0, 2.0]), tmp_path / "weights")
    with pytest.raises(UserError, match="no split 'nowhere'"):
        train(toy(data__val="nowhere"), tmp_path / "split")
    monkeypatch.chdir(tmp_path)
    assert train(toy(training__iterations=1)) == Path("runs/toy")
