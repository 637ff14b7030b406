"""Frozen stages learn nothing, cost nothing, and don't disturb several processes."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.files import write_text
from sceneparse.recipes import to_yaml
from sceneparse.settings import BackboneSettings, NetworkSettings, OptimizerSettings, Recipe
from sceneparse.training.loop import train
from sceneparse.training.optimizer import rate_factors
from sceneparse.training.prepare import prepare
from sceneparse.weights.build import build
from sceneparse.weights.model import load_model
from tests.support.together import sceneparse_in_two

MakeRecipe = Callable[..., Recipe]
FIRST_TWO = ("backbone.body.conv1.", "backbone.body.bn1.", "backbone.body.layer1.", "backbone.body.layer2.")


@pytest.fixture(scope="module")
def model(toy: MakeRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(toy(training__iterations=1, training__validate_count=1), tmp_path_factory.mktemp("model") / "run")


@pytest.mark.parametrize(("frozen", "held"), [(2, FIRST_TWO), ("all", ("backbone.",))])
def test_frozen_weights_and_statistics_stay_as_they_were_and_the_rest_learns(
    toy: MakeRecipe, model: Path, tmp_path: Path, frozen: object, held: tuple[str, ...]
) -> None:
    recipe = toy(init__model=str(model), backbone__frozen=frozen, training__iterations=2, training__validate_every=1)
    before = load_model(model / "model").network.state_dict()
    after = load_model(train(recipe, tmp_path / "run") / "model").network.state_dict()
    for name, value in after.items():
        assert torch.equal(value, before[name]) == name.startswith(held), name


def test_what_is_frozen_keeps_no_activation_no_gradient_and_no_state(toy: MakeRecipe, model: Path) -> None:
    recipe = toy(init__model=str(model), backbone__frozen=2, optimizer__kind="adamw")
    learner = prepare(recipe, None, "auto").learner
    features = learner.network.backbone(torch.randn(2, 3, 64, 64))
    assert [maps.requires_grad for maps in features] == [False, False, True, True]
    sum(maps.sum() for maps in features).backward()
    learner.stepper.step()
    learnt = {id(one) for one in learner.optimizer.state}
    for name, parameter in learner.network.named_parameters():
        if name.startswith(FIRST_TWO):
            assert parameter.grad is None and id(parameter) not in learnt, name
        elif name.startswith("backbone."):
            assert parameter.grad is not None and id(parameter) in learnt, name


def test_several_processes_train_what_is_not_frozen(toy: MakeRecipe, model: Path, tmp_path: Path) -> None:
    recipe = toy(init__model=str(model), backbone__frozen=2, training__iterations=1, training__validate_count=1)
    write_text(tmp_path / "asked.yaml", to_yaml(recipe))
    done = sceneparse_in_two("train", tmp_path / "asked.yaml", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "million of them frozen" in done.stderr and done.stderr.count("start from") == 1


def test_rates_fall_with_the_distance_from_the_head() -> None:
    network = build(BackboneSettings("resnet10t"), NetworkSettings("fcn", output_stride=32, channels=8), 3)
    factors = rate_factors(network, OptimizerSettings(layer_decay=0.5, head_factor=3))
    assert factors["backbone.body.conv1.0.weight"] == factors["backbone.body.layer1.0.conv1.weight"] == 0.5**4
    assert [factors[f"backbone.body.layer{stage}.0.conv1.weight"] for stage in (2, 3, 4)] == [0.125, 0.25, 0.5]
    assert factors["head.classifier.weight"] == factors["aux_head.classifier.weight"] == 3


def test_more_stages_than_there_are_cannot_be_frozen() -> None:
    network = build(BackboneSettings("resnet10t"), NetworkSettings("fcn", output_stride=32, channels=8), 3)
    with pytest.raises(
        UserError, match=r"backbone\.frozen is 4, but it can be frozen so many stages \(1 to 3\) or all"
    ):
        network.backbone.freeze(4)
