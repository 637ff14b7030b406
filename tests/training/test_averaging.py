"""The moving average of the weights: its numbers, what it leaves alone, and that the better one becomes the model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.settings import AverageSettings, Recipe
from sceneparse.training import keep
from sceneparse.training.averaging import WeightAverage
from sceneparse.training.checkpoint import Checkpoint, Checkpoints
from sceneparse.training.loop import train
from sceneparse.training.prepare import prepare

MakeRecipe = Callable[..., Recipe]


class Small(torch.nn.Module):
    """A frozen and a learning layer, each with batch norm, and a buffer that is infinite."""

    infinite: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.frozen = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4)).requires_grad_(False)
        self.learning = torch.nn.Sequential(torch.nn.Conv2d(4, 5, 1), torch.nn.BatchNorm2d(5))
        self.register_buffer("infinite", torch.tensor(-torch.inf))


def moved(network: torch.nn.Module, seed: int) -> dict[str, Tensor]:
    """Change all that a step changes; the new state."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in network.state_dict().items():
        if name.startswith("learning") and value.is_floating_point():
            value.copy_(torch.randn(value.shape, generator=generator))
        elif name == "learning.1.num_batches_tracked":
            value.add_(1)
    return {name: value.clone() for name, value in network.state_dict().items()}


@pytest.mark.parametrize("every", [1, 3])
def test_the_average_is_the_recurrence_written_out(every: int) -> None:
    network = Small()
    average = WeightAverage(network, AverageSettings(0.8, every))
    expected = {name: value.double() for name, value in network.state_dict().items()}
    for done in range(1, 61):
        state = moved(network, done)
        average.update(done)
        if done % every == 0:
            kept = min(0.8, (1 + done) / (10 + done)) ** every
            for name, value in state.items():
                if value.is_floating_point() and name != "infinite":
                    expected[name] = kept * expected[name] + (1 - kept) * value.double()
    found = average.network_state()
    assert list(found) == list(network.state_dict())
    for name, value in found.items():
        if name.endswith("num_batches_tracked") or name == "infinite" or name.startswith("frozen"):
            assert torch.equal(value, network.state_dict()[name]), name
        else:
            torch.testing.assert_close(value.double(), expected[name], rtol=1e-5, atol=1e-6)
            assert value.dtype == torch.float32
    # Kept is what learns alone, with the statistics of its batch norm.
    own = ("0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var")
    assert set(average.state()) == {f"learning.{name}" for name in own}


def test_the_network_has_the_average_for_a_while_and_then_its_own_weights_to_the_bit() -> None:
    network = Small()
    average = WeightAverage(network, AverageSettings(0.5))
    for done in (1, 2):
        live = moved(network, done)
        average.update(done)
    averaged = {name: value.clone() for name, value in average.network_state().items()}
    with pytest.raises(RuntimeError, match="in validation"), average.in_place():
        assert all(torch.equal(value, averaged[name]) for name, value in network.state_dict().items())
        assert not torch.equal(averaged["learning.0.weight"], live["learning.0.weight"])
        raise RuntimeError("in validation")
    assert all(torch.equal(value, live[name]) for name, value in network.state_dict().items())


def test_a_step_that_was_left_out_leaves_an_average_of_equal_weights_as_it_is() -> None:
    network = Small()
    average = WeightAverage(network, AverageSettings(0.9))
    before = {name: value.clone() for name, value in average.state().items()}
    for done in range(1, 5):
        average.update(done)
    assert all(torch.equal(value, before[name]) for name, value in average.state().items())


def last(run: Path) -> Checkpoint:
    checkpoint = Checkpoints(run / "checkpoints").load(lambda text: pytest.fail(text))
    assert checkpoint is not None
    return checkpoint


@pytest.mark.parametrize("better", ["average", "live"])
def test_both_are_validated_and_the_better_becomes_the_model(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], better: str
) -> None:
    calls: list[str] = []

    def scored(*_: object, **__: object) -> dict[str, Any]:
        calls.append("average" if len(calls) % 2 else "live")
        metrics = {"protocol": "whole", "split": "val", "pictures": 1, "classes": []}
        score = 0.5 if calls[-1] == better and len(calls) < 3 else 0.3
        return metrics | {"mean_iou": score, "pixel_accuracy": score}

    monkeypatch.setattr(keep, "validate", scored)
    recipe = toy(training__average={"decay": 0.9}, training__iterations=4, training__validate_every=2)
    run = train(recipe, tmp_path / "run")
    checkpoint = last(run)
    assert checkpoint.average is not None and checkpoint.best_iteration == 2 and checkpoint.best_weights == better
    facts = json.loads((run / "run.json").read_text())
    assert (facts["best_iteration"], facts["best_weights"], facts["ended_by"]) == (2, better, "iterations")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    kinds = [(line["kind"], line["iteration"]) for line in lines if line["kind"] != "train"]
    assert kinds == [(kind, done) for done in (2, 4) for kind in ("validation", "validation_average")]
    card = (run / "model" / "README.md").read_text()
    assert ("Its weights are an exponential moving average (decay 0.9)" in card) == (better == "average")
    assert ("Its weights are the training's own, which scored better on `val` than" in card) == (better == "live")
    said = capsys.readouterr().err
    assert "mean IoU of the average" in said
    assert ("best mean IoU of the averaged weights 50.00% after iteration 2" in said) == (better == "average")
    # The weights after the second iteration, averaged or not, of a training without an average.
    plain = train(toy(training__iterations=4, training__validate_every=2), tmp_path / "plain")
    model, live = (load_file(folder / "model" / "model.safetensors") for folder in (run, plain))
    assert all(torch.equal(model[name], live[name]) for name in live) == (better == "live")


def test_the_average_changes_nothing_of_the_weights_that_learn(toy: MakeRecipe, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"training__iterations": 4, "training__validate_every": 2, "training__accumulate": 2}
    with_one = last(train(toy(training__average={"decay": 0.9, "every": 2}, **settings), tmp_path / "with"))
    without = last(train(toy(**settings), tmp_path / "without"))
    assert all(torch.equal(value, with_one.network[name]) for name, value in without.network.items())
    assert without.average is None and with_one.average is not None
    assert not torch.equal(with_one.average["head.classifier.weight"], without.network["head.classifier.weight"])


def test_a_frozen_backbone_is_not_averaged(toy: MakeRecipe, tmp_path: Path) -> None:
    model = train(toy(training__iterations=1, training__validate_count=1), tmp_path / "model")
    recipe = toy(init__model=str(model), backbone__frozen="all", training__average={"decay": 0.9})
    average = WeightAverage(prepare(recipe, None, "auto").learner.network, recipe.training.average)
    assert average.state() and not any(name.startswith("backbone.") for name in average.state())


def test_settings_of_an_average_that_is_not_kept_are_refused(toy: MakeRecipe) -> None:
    with pytest.raises(
        UserError, match=r"training\.average\.every has no effect, since training\.average\.decay is null"
    ):
        toy(training__average={"every": 2})
    with pytest.raises(UserError, match=r"training\.average\.decay is 1\.0, but must be above 0 and below 1"):
        toy(training__average={"decay": 1.0})
