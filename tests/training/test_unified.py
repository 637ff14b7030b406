"""One loop for one task and for several: a unified network learns on the toy world."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sceneparse.datasets.opening import open_dataset
from sceneparse.errors import UserError
from sceneparse.evaluation import evaluate, evaluate_model
from sceneparse.inference import TorchEngine, resolve
from sceneparse.processes import Processes
from sceneparse.recipes import from_mapping, read_recipe
from sceneparse.settings import Recipe
from sceneparse.toyworld import ToyWorld
from sceneparse.training.loop import train
from sceneparse.training.progress import TrainingStopped
from sceneparse.weights.build import build
from sceneparse.weights.model import load_model

LOSSES = ("main_loss", "part_loss", "scene_loss", "material_loss", "texture_loss")


def recipe_of(**changes: Any) -> Recipe:
    mapping: dict[str, dict[str, Any]] = {
        "backbone": {"name": "test_resnet"},
        "network": {
            "architecture": "upernet_unified",
            "channels": 8,
            "aux": False,
            "dropout": 0.0,
            "tasks": {"from_data": ["scenes", "parts", "materials", "textures"]},
        },
        "data": {"kind": "toyworld", "size": 64, "train_count": 40, "eval_count": 4, "workers": 0, "cache_mb": 16},
        "augmentation": {"crop": [64, 64], "scale": [1, 1], "rotate_probability": 0, "blur_probability": 0},
        "optimizer": {"kind": "adamw", "lr": 0.003, "head_factor": 1.0},
        "training": {
            "iterations": 4,
            "batch": 4,
            "precision": "float32",
            "validate_every": 2,
            "checkpoint_every": 2,
            "log_every": 1,
            "device": "cpu",
        },
    }
    for key, value in changes.items():
        group, name = key.split("__")
        mapping.setdefault(group, {})[name] = value
    return from_mapping(Recipe, {"name": "unified", **mapping}, "test")


def lines(run: Path, kind: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line for line in found if line["kind"] == kind]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(recipe_of(), tmp_path_factory.mktemp("unified") / "run")


def test_every_tasks_loss_and_figure_is_on_record(run: Path) -> None:
    for line in lines(run, "train"):
        weights = dict(zip(LOSSES, (1, 0.5, 0.25, 1, 1), strict=True))
        assert line["loss"] == pytest.approx(sum(weight * line[name] for name, weight in weights.items()), rel=1e-5)
    figures = {"mean_iou", "scene_top1", "part_mean_iou", "material_mean_iou", "texture_top1"}
    assert all(figures <= set(line) for line in lines(run, "validation"))


def test_the_model_names_the_classes_of_the_data_and_evaluates_to_what_its_run_says(run: Path) -> None:
    model = load_model(run / "model")
    assert model.tasks == ToyWorld.tasks
    recipe = read_recipe(run / "recipe.yaml")
    assert recipe.network.tasks.scenes == 8 and recipe.network.tasks.from_data == ()
    engine = TorchEngine(model.network, model.config.preprocessing, device="cpu", precision="float32")
    again = evaluate(engine, open_dataset(recipe.data, "val"), resolve(recipe.protocol), tasks=model.tasks)
    assert again.tasks is not None
    best = json.loads((run / "run.json").read_text())
    assert best["best_mean_iou"] == pytest.approx(again.scores.mean_iou, abs=0.01)
    assert best["best_material_mean_iou"] == pytest.approx(again.headlines()["material_mean_iou"], abs=0.01)


def test_evaluate_prints_and_writes_all_tasks(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate_model(run / "model", out=tmp_path, count=2, engine="torch")
    printed = capsys.readouterr().out
    assert all(task in printed for task in ("scene", "part (mIoU-bg)", "material", "texture"))
    said = json.loads((tmp_path / "metrics.json").read_text())["tasks"]
    assert set(said) == {"scene", "part", "material", "texture"}
    assert len(said["material"]["classes"]) == 18
    assert "part (mIoU-bg)" in (tmp_path / "report.html").read_text()


def test_the_model_card_has_the_figures_of_all_tasks(run: Path) -> None:
    card = (run / "model" / "README.md").read_text()
    assert "one of 8 scenes, the parts of 13 objects, 18 materials, 15 textures" in card
    assert all(f"| {name} |" in card for name in ("scene top-1", "part mIoU-bg", "material mean IoU"))


def test_a_resumed_training_gives_the_same_bits(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Processes, "any", lambda _processes, _flag: True)
    with pytest.raises(TrainingStopped):
        train(recipe_of(), tmp_path / "run")
    monkeypatch.undo()
    again = load_model(train(recipe_of(), tmp_path / "run", resume=True) / "model").network.state_dict()
    assert all(
        torch.equal(value, again[name]) for name, value in load_model(run / "model").network.state_dict().items()
    )


def test_accumulated_parts_have_the_losses_of_the_whole_batch(run: Path, tmp_path: Path) -> None:
    """At the first iteration, before statistics of normalisation tell them apart, but for those themselves."""
    parted = train(recipe_of(training__iterations=1, training__accumulate=2), tmp_path / "run")
    first, other = lines(run, "train")[0], lines(parted, "train")[0]
    assert all(other[name] == pytest.approx(first[name], rel=0.25) for name in LOSSES)


def test_it_learns_from_samples_that_are_labelled_for_one_task_each(tmp_path: Path) -> None:
    recipe = recipe_of(data__annotation="split", training__validate_every=0, training__iterations=12)
    run = train(recipe, tmp_path / "run")
    labelled = [{name for name in LOSSES if line[name] is not None} for line in lines(run, "train")]
    assert all(len(names) == 1 for names in labelled), "each batch is labelled for one task: others have no loss"
    assert set().union(*labelled) == set(LOSSES)


def test_weights_that_a_batch_says_nothing_of_stay_as_they_are(tmp_path: Path) -> None:
    """No decay, no momentum: bit by bit what they were."""
    recipe = recipe_of(data__annotation="split", training__iterations=2)
    run = train(recipe, tmp_path / "run")
    asked = [{name for name in LOSSES if line[name] is not None} for line in lines(run, "train")]
    silent = set(LOSSES) - set().union(*asked)
    network = load_model(run / "model").network
    torch.manual_seed(recipe.training.seed)
    start = build(recipe.backbone, load_model(run / "model").config.network, network.num_classes).state_dict()
    moved = {name for name, value in network.named_parameters() if not torch.equal(value, start[name])}
    heads = {"main_loss": "object_head"} | {name: name.replace("loss", "head") for name in LOSSES[1:]}
    for name, head in heads.items():
        assert any(weight.startswith(head) for weight in moved) == (name not in silent)


def test_a_subset_of_tasks_can_be_learnt(tmp_path: Path) -> None:
    recipe = recipe_of(training__iterations=1)
    tasks = replace(recipe.network.tasks, from_data=("textures",))
    run = train(replace(recipe, network=replace(recipe.network, tasks=tasks)), tmp_path / "run")
    assert set(LOSSES) & set(lines(run, "train")[0]) == {"main_loss", "texture_loss"}
    model = load_model(run / "model")
    assert model.tasks is not None and model.tasks.scenes is None and model.tasks.textures is not None


def test_changing_the_tasks_of_a_run_is_refused(run: Path) -> None:
    recipe = recipe_of(training__iterations=4)
    tasks = replace(recipe.network.tasks, from_data=("textures",))
    with pytest.raises(UserError, match=r"network\.tasks"):
        train(replace(recipe, network=replace(recipe.network, tasks=tasks)), run, resume=True)


def test_data_without_the_tasks_are_refused(data: Path, tmp_path: Path) -> None:
    recipe = recipe_of()
    folder = recipe.data.of_kind("folder", root=str(data))
    with pytest.raises(UserError, match="names scenes, but split 'train' is not labelled for them"):
        train(replace(recipe, data=folder), tmp_path / "run")
