"""A model of two classes that decides at a threshold of its own is gone on with, on two classes and on more."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sceneparse.files import write_json
from sceneparse.settings import Recipe
from sceneparse.training.loop import train
from sceneparse.training.prepare import prepare
from sceneparse.weights.model import load_model, save_model

MakeRecipe = Callable[..., Recipe]


@pytest.fixture(scope="module")
def two(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same pictures with two classes."""
    root = tmp_path_factory.mktemp("two") / "data"
    shutil.copytree(data, root)
    write_json(root / "classes.json", {"names": ["ground", "dark"], "ignore": 255})
    for path in (root / "masks").rglob("*.png"):
        mask = np.array(Image.open(path))
        Image.fromarray(np.where(mask == 2, 0, mask).astype(np.uint8)).save(path)
    return root


@pytest.fixture(scope="module")
def model(toy: MakeRecipe, two: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = toy(training__iterations=1, training__validate_count=1, data__root=str(two))
    found = load_model(train(recipe, tmp_path_factory.mktemp("model") / "run") / "model")
    out = tmp_path_factory.mktemp("threshold") / "model"
    network = replace(found.config.network, threshold=0.3)
    save_model(out, replace(found, config=replace(found.config, network=network)), "")
    return out


@pytest.mark.parametrize("settings", [{"init__adopt": "all"}, {"network__threshold": 0.3}])
def test_two_classes_keep_the_threshold_and_every_weight(
    settings: dict[str, object], toy: MakeRecipe, two: Path, model: Path
) -> None:
    prepared = prepare(toy(data__root=str(two), init__model=str(model), **settings), None, "auto")
    assert prepared.recipe.network.threshold == prepared.learner.network.threshold == 0.3
    source = load_model(model).network.state_dict()
    assert all(torch.equal(value, source[name]) for name, value in prepared.learner.network.state_dict().items())


def test_a_threshold_of_another_class_is_left_and_that_is_said(
    toy: MakeRecipe, two: Path, model: Path, tmp_path: Path
) -> None:
    shutil.copytree(two, tmp_path / "data")
    write_json(tmp_path / "data" / "classes.json", {"names": ["dark", "ground"], "ignore": 255})
    recipe = toy(data__root=str(tmp_path / "data"), init__model=str(model), init__adopt="all")
    prepared = prepare(recipe, None, "auto")
    assert prepared.recipe.network.threshold == 0.5 and prepared.started is not None
    [line] = [one for one in prepared.started.lines() if one.startswith("network.threshold")]
    assert line.endswith("(it decides for dark in the model, and ground does not start from that)")
    # Whoever says that it is the same class by another name has it.
    given = replace(recipe, init=replace(recipe.init, classes={"ground": "dark", "dark": "ground"}))
    assert prepare(given, None, "auto").recipe.network.threshold == 0.3


def test_a_trained_model_has_the_threshold(toy: MakeRecipe, two: Path, model: Path, tmp_path: Path) -> None:
    changes = {"training__iterations": 1, "training__validate_count": 1, "init__adopt": "all"}
    run = train(toy(data__root=str(two), init__model=str(model), **changes), tmp_path / "run")
    assert load_model(run / "model").network.threshold == 0.3


def test_more_classes_leave_the_models_threshold_and_say_so(toy: MakeRecipe, model: Path) -> None:
    prepared = prepare(toy(init__model=str(model), init__adopt="all"), None, "auto")
    assert prepared.recipe.network.threshold == 0.5 and prepared.started is not None
    [line] = [one for one in prepared.started.lines() if one.startswith("network.threshold")]
    assert line == (
        "network.threshold: the recipe has 0.5, the model 0.3: it stays as the recipe has it (of 3 classes, the "
        "likeliest is taken)"
    )
