"""A training step on a GPU reads nothing back, so that the device never waits for the program."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.recipes import from_mapping
from sceneparse.settings import Recipe
from sceneparse.training import loop, prepare, step
from sceneparse.training.averaging import begin_average
from sceneparse.training.checkpoint import Checkpoints
from sceneparse.training.loop import train
from sceneparse.training.prepare import Prepared
from sceneparse.training.recipe_losses import RecipeLosses
from sceneparse.training.step import compute_gradients, update_weights
from tests.support.reads import Reads

MakeRecipe = Callable[..., Recipe]


def world(**changes: object) -> Recipe:
    """A recipe for the toy world's five tasks."""
    mapping: dict[str, dict[str, object]] = {
        "backbone": {"name": "test_resnet"},
        "network": {"architecture": "upernet_unified", "channels": 8, "aux": False},
        "data": {"kind": "toyworld", "toyworld": {"size": 64, "train_count": 4, "eval_count": 1}, "workers": 0},
        "augmentation": {"crop": [48, 48]},
        "training": {"batch": 2, "precision": "float32", "device": "cpu"},
    }
    for key, value in changes.items():
        group, name = key.split("__")
        mapping[group][name] = value
    return from_mapping(Recipe, {"name": "world", **mapping}, "test")


def reads_of_a_step(recipe: Recipe) -> list[str]:
    prepared = prepare.prepare(recipe, None, "auto")
    weights = None if recipe.loss.class_weights is None else torch.ones(len(prepared.data.labels))
    losses = RecipeLosses.prepared(prepared, weights)
    average = begin_average(prepared)
    batches = prepared.batches(losses.tasks)
    # The first steps make what is kept: constant matrices, and the optimiser's state.
    one_step(prepared, losses, batches, 0)
    one_step(prepared, losses, batches, 1)
    batch = next(batches)
    with Reads(main_memory=["losses/labelled.py"]) as reads:
        update_weights(prepared, compute_gradients(prepared, losses, batch, 2))
        if average is not None:
            average.update(3)
    return reads.found


def one_step(prepared: Prepared, losses: RecipeLosses, batches: object, iteration: int) -> None:
    update_weights(prepared, compute_gradients(prepared, losses, next(batches), iteration))  # type: ignore[call-overload]


@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.parametrize(
    "changes",
    [
        {"training__average": {"decay": 0.9}},
        {
            "loss__hard_fraction": 0.3,
            "loss__class_weights": [1.0, 2.0, 0.0],
            "loss__class_weights_end": 0.5,
            "optimizer__clip": 1.0,
        },
        {"optimizer__kind": "adamw", "training__accumulate": 2, "loss__options": {"label_smoothing": 0.1}},
        {"loss__kind": "combined", "network__architecture": "pspnet", "network__output_stride": 8},
        {"loss__kind": "focal", "loss__options": {"label_smoothing": 0.1}, "network__architecture": "upernet"},
        {"loss__kind": "boundary_cross_entropy", "network__architecture": "deeplabv3", "network__output_stride": 16},
        {"data__augment_on": "device", "augmentation__photometric": True, "augmentation__color": 0.0},
        {"loss__kind": "jaccard", "network__architecture": "pspnet_multilabel", "network__output_stride": 8},
    ],
    ids=lambda changes: " ".join(f"{name}={value}" for name, value in changes.items()),
)
def test_a_step_reads_nothing(toy: MakeRecipe, changes: dict[str, object]) -> None:
    assert reads_of_a_step(toy(**changes)) == []


@pytest.mark.usefixtures("as_on_a_gpu")
def test_a_step_of_all_tasks_reads_nothing() -> None:
    assert reads_of_a_step(world()) == []


def test_the_observer_sees_reads() -> None:
    values = torch.arange(4.0)
    with Reads() as reads:
        assert float(values.sum()) == 6
        values[values > 1].sum()
        values.nonzero()
        torch.where(values > 1, values, 0.0)
        values.to("cpu")
    assert [line.partition(":")[0] for line in reads.found if not line.startswith("aten")] == [
        "__float__", "boolean index", "nonzero", "where with a number", "copy that is waited for"
    ]  # fmt: skip
    assert any(line.startswith("aten::nonzero") for line in reads.found)


def metrics(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.usefixtures("as_on_a_gpu")
def test_a_training_whose_losses_are_looked_at_a_step_later_writes_the_same(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = toy(training__iterations=5, training__checkpoint_every=2, training__validate_every=3)
    later = train(recipe, tmp_path / "later")
    monkeypatch.undo()
    at_once = train(recipe, tmp_path / "at_once")
    one, other = metrics(later), metrics(at_once)
    assert [(line["kind"], line["iteration"]) for line in one] == [(line["kind"], line["iteration"]) for line in other]
    for name in ("loss", "main_loss", "lr"):
        values = ([line[name] for line in lines if line["kind"] == "train"] for lines in (one, other))
        assert next(values) == pytest.approx(next(values), rel=1e-3)


@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_a_step_that_is_not_finite_leaves_the_weights_and_is_kept_one_step_later(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    before: list[dict[str, torch.Tensor]] = []

    def spoils_the_third(prepared: Prepared, *given: object, **more: object) -> step.Step:
        found = compute_gradients(prepared, *given, **more)  # type: ignore[arg-type]
        before.append({name: one.detach().clone() for name, one in prepared.learner.network.named_parameters()})
        if found.iteration != 2:
            return found
        for parameter in prepared.learner.network.parameters():
            if parameter.grad is not None:
                parameter.grad.fill_(torch.nan)
        values = found.values.clone()
        values[0] = torch.nan
        return step.Step(found.iteration, found.seed, found.rate, found.names, found.labelled, values)

    monkeypatch.setattr(loop, "compute_gradients", spoils_the_third)
    with pytest.raises(UserError, match="the loss of iteration 3 is not finite"):
        train(toy(optimizer__kind=kind, training__validate_every=0, training__checkpoint_every=9), tmp_path / "run")
    assert len(before) == 4, "the next step's gradients were asked for"
    kept = torch.load(tmp_path / "run" / "failure" / "network.pt", weights_only=True)
    assert all(torch.equal(kept[name], value) for name, value in before[2].items())
    assert not all(torch.equal(kept[name], value) for name, value in before[1].items())
    facts = json.loads((tmp_path / "run" / "failure" / "failure.json").read_text())
    assert facts["iteration"] == 2 and facts["loss"] == "nan"
    assert [line["iteration"] for line in metrics(tmp_path / "run")] == [1, 2]


@pytest.mark.usefixtures("as_on_a_gpu")
def test_nothing_is_kept_of_weights_before_the_last_loss_was_looked_at(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoils_the_second(*given: object, **more: object) -> step.Step:
        found = compute_gradients(*given, **more)  # type: ignore[arg-type]
        if found.iteration == 1:
            found.values[0] = torch.inf
            return step.Step(found.iteration, found.seed, found.rate, found.names, found.labelled, found.values)
        return found

    monkeypatch.setattr(loop, "compute_gradients", spoils_the_second)
    with pytest.raises(UserError, match="the loss of iteration 2 is not finite"):
        train(toy(training__validate_every=0, training__checkpoint_every=2), tmp_path / "run")
    assert not Checkpoints(tmp_path / "run" / "checkpoints").exist()


def test_a_checkpoint_of_a_fused_optimiser_goes_on_without_one_and_the_other_way_round(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for fused in (True, False):
        run = tmp_path / str(fused)
        monkeypatch.setattr(prepare, "fuses", lambda *_, fused=fused, **__: fused)
        train(toy(optimizer__kind="adamw", training__iterations=2), run)
        checkpoint = Checkpoints(run / "checkpoints").load(lambda _: None)
        monkeypatch.setattr(prepare, "fuses", lambda *_, fused=fused, **__: not fused)
        prepared = prepare.prepare(toy(optimizer__kind="adamw", training__iterations=4), checkpoint, "auto")
        assert prepared.learner.deferred is not fused
        assert {bool(group["fused"]) for group in prepared.learner.optimizer.param_groups} == {not fused}
        losses = RecipeLosses.prepared(prepared, None)
        one_step(prepared, losses, prepared.batches(losses.tasks), 2)
