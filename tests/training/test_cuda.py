"""What only a CUDA device shows of a training: `pytest -m cuda`."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from sceneparse.settings import Recipe
from sceneparse.training.loop import train
from sceneparse.training.prepare import prepare
from sceneparse.training.recipe_losses import RecipeLosses
from sceneparse.training.step import compute_gradients, update_weights

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

MakeRecipe = Callable[..., Recipe]


@contextmanager
def waits_are_errors() -> Iterator[None]:
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"training__precision": "bfloat16", "optimizer__kind": "adamw", "optimizer__clip": 1.0},
        {"loss__hard_fraction": 0.3, "loss__class_weights": [1.0, 2.0, 0.0], "loss__class_weights_end": 0.0},
        {"loss__kind": "combined", "network__architecture": "pspnet", "network__output_stride": 8},
        {"data__augment_on": "device", "augmentation__photometric": True, "augmentation__color": 0.0},
    ],
    ids=lambda changes: " ".join(f"{name}={value}" for name, value in changes.items()),
)
def test_the_program_does_not_wait_for_the_device_within_a_step(toy: MakeRecipe, changes: dict[str, object]) -> None:
    recipe = toy(training__device="cuda", **changes)
    prepared = prepare(recipe, None, "auto")
    assert prepared.learner.deferred
    device = prepared.compute.fabric.device
    weights = None if recipe.loss.class_weights is None else torch.ones(len(prepared.data.labels), device=device)
    losses = RecipeLosses.prepared(prepared, weights)
    batches = prepared.batches(losses.tasks)
    for iteration in range(2):
        update_weights(prepared, compute_gradients(prepared, losses, next(batches), iteration))
    batch = next(batches)
    torch.cuda.synchronize()
    with waits_are_errors():
        step = compute_gradients(prepared, losses, batch, 2)
        update_weights(prepared, step)
    assert step.finite


def test_a_training_on_the_device_ends_with_a_model_and_says_how_long_it_was_idle(
    toy: MakeRecipe, tmp_path: Path
) -> None:
    run = train(toy(training__device="cuda", training__average={"decay": 0.9}), tmp_path / "run")
    assert (run / "model" / "model.safetensors").exists()
    assert '"idle"' in (run / "metrics.jsonl").read_text()


@pytest.mark.parametrize("changes", [{}, {"training__precision": "bfloat16", "loss__kind": "combined"}], ids=str)
def test_a_training_whose_steps_are_recorded_has_the_losses_of_one_whose_steps_are_not(
    toy: MakeRecipe, tmp_path: Path, changes: dict[str, object]
) -> None:
    losses = {}
    for graph in (False, True):
        recipe = toy(training__device="cuda", training__iterations=8, training__graph=graph, **changes)
        run = train(recipe, tmp_path / f"run-{graph}")
        lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
        losses[graph] = [line["loss"] for line in lines if line["kind"] == "train"]
    assert len(losses[True]) == 8
    assert losses[True] == pytest.approx(losses[False], rel=0.02)
